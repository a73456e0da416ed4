const en = {
  screens: {
    home: "Home", services: "Services", map: "Map", traces: "Traces", logs: "Logs", topics: "Topics", sagas: "Sagas", metrics: "Metrics", alerts: "Alerts", appfile: "App file",
  },
  skip: "Skip to content",
  menu: "Menu",
  nav: "Screens",
  help: "Keyboard shortcuts",
  theme: { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" },
  language: "한국어로 보기",
  signOut: "Sign out",
  viewer: "Viewer: may look, not act",
  lost: "The daemon does not answer. What you see is as it was; trying again…",
  down: "The app is down. Start it with:",
  goingDown: "The app is going down.",
  unauthenticated: {
    title: "Sign in to see this app",
    text: "Run this beside the app and open the link that it prints. The link works once.",
    button: "Sign in",
  },
  notFound: { title: "There is no such page", text: "The address leads nowhere. The screens are on the left." },
  keys: {
    title: "Keyboard shortcuts",
    search: "Search or filter", list: "Next and previous in a list", match: "Next and previous match in a trace", open: "Open", close: "Close, or leave the field", help: "This list", go: "Go to",
  },
};

const ko: typeof en = {
  screens: {
    home: "홈", services: "서비스", map: "맵", traces: "트레이스", logs: "로그", topics: "토픽", sagas: "사가", metrics: "메트릭", alerts: "알림", appfile: "앱 파일",
  },
  skip: "본문으로 건너뛰기",
  menu: "메뉴",
  nav: "화면",
  help: "키보드 단축키",
  theme: { system: "색상: 시스템 설정", light: "색상: 밝게", dark: "색상: 어둡게" },
  language: "View in English",
  signOut: "로그아웃",
  viewer: "뷰어: 볼 수만 있습니다",
  lost: "데몬이 응답하지 않습니다. 마지막으로 받은 상태를 표시하며 다시 연결하고 있습니다…",
  down: "앱이 내려가 있습니다. 다음 명령으로 시작하세요:",
  goingDown: "앱을 내리는 중입니다.",
  unauthenticated: {
    title: "로그인이 필요합니다",
    text: "앱이 있는 컴퓨터에서 이 명령을 실행하고 출력된 링크를 여세요. 링크는 한 번만 쓸 수 있습니다.",
    button: "로그인",
  },
  notFound: { title: "페이지가 없습니다", text: "주소가 가리키는 화면이 없습니다. 왼쪽 메뉴에서 고르세요." },
  keys: {
    title: "키보드 단축키",
    search: "검색 또는 필터", list: "목록에서 다음/이전", match: "트레이스에서 다음/이전 일치", open: "열기", close: "닫기, 입력란 나가기", help: "이 목록", go: "이동",
  },
};

export const shell = { en, ko };
