import { length } from "./common";

const en = {
  label: "Map of services",
  none: { title: "Nothing to draw yet", text: "Services appear as soon as the app file declares them, calls as soon as they are made." },
  zoomIn: "Zoom in", zoomOut: "Zoom out", fit: "Show all",
  legend: { calls: "calls", failing: "errors", unused: "declared, not used", refused: "refused", unseen: "not visible" },
  incoming: "Called by", outgoing: "Calls",
  undeclared: "The app file does not declare this call: it was refused.",
  unused: "Declared in the app file; not used in this time.",
  unseen: "Its service does not say when it uses it: that takes spans of an OpenTelemetry SDK.",
  refused: (rate: string) => `${rate} refused`,
  open: "Open", traces: "Traces", logs: "Logs", expand: "Show its services", collapse: "Group by owner",
  kinds: { gateway: "Gateway", service: "Service", job: "Job", topic: "Topic", database: "Database", outside: "Outside", client: "Client", platform: "Steps and starts", group: "Group" },
  edges: { call: "call", publish: "publish", deliver: "deliver", database: "database", outside: "outside call" },
  size: (n: number) => `${n} services`,
  group: (owner: string) => `Group ${owner}`, expandAll: "Show all services",
  slider: {
    label: "The map at a time", live: "Live", now: "Now", reach: "How far back", back: (length: string) => `Last ${length}`,
    curve: "Requests over time; failed ones are red", at: (when: string, over: string) => `${when}, mean of ${over}`,
  },
};

const ko: typeof en = {
  label: "서비스 맵",
  none: { title: "아직 그릴 것이 없습니다", text: "앱 파일에 선언하면 서비스가, 호출이 일어나면 연결이 나타납니다." },
  zoomIn: "확대", zoomOut: "축소", fit: "전체 보기",
  legend: { calls: "호출", failing: "오류", unused: "선언됨, 미사용", refused: "거부됨", unseen: "관찰 안 됨" },
  incoming: "호출한 쪽", outgoing: "호출하는 곳",
  undeclared: "앱 파일에 선언되지 않은 호출이라 거부되었습니다.",
  unused: "앱 파일에 선언되었지만 이 기간에 쓰이지 않았습니다.",
  unseen: "서비스가 사용 여부를 알리지 않습니다. OpenTelemetry SDK의 스팬이 있어야 보입니다.",
  refused: (rate) => `${rate} 거부됨`,
  open: "열기", traces: "트레이스", logs: "로그", expand: "서비스 펼치기", collapse: "소유자별로 묶기",
  kinds: { gateway: "게이트웨이", service: "서비스", job: "작업", topic: "토픽", database: "데이터베이스", outside: "외부", client: "클라이언트", platform: "시작과 단계", group: "그룹" },
  edges: { call: "호출", publish: "발행", deliver: "전달", database: "데이터베이스", outside: "외부 호출" },
  size: (n) => `서비스 ${n}개`,
  group: (owner) => `${owner} 묶기`, expandAll: "모든 서비스 펼치기",
  slider: {
    label: "시점별 맵", live: "실시간", now: "지금", reach: "되돌아볼 기간", back: (text) => `최근 ${length(text)}`,
    curve: "시간별 요청 수. 실패는 빨간색", at: (when, over) => `${when}, ${over} 평균`,
  },
};

export const map = { en, ko };
