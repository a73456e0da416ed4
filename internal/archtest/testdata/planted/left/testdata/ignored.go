package ignored

import _ "example.com/planted/right"
