package harness // planted: no package comment

import _ "example.com/planted/vocab"
