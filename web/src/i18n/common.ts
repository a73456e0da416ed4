const en = {
  copy: "Copy",
  copied: "Copied",
  cancel: "Cancel",
  close: "Close",
  retry: "Try again",
  all: "All",
  more: "Show more",
  details: "Details",
  none: "none",
  viewerOnly: "You may look, not act: ask for the operator role",
  done: (what: string) => `${what}: done`,
  failed: (what: string, why: string) => `${what} failed: ${why}`,
  error: {
    unavailable: "The daemon does not answer",
    unimplemented: "This daemon cannot tell yet",
    unimplementedText: "It is an older version than this page, or telemetry is switched off. Update Banyan and start the app again:",
    notFound: "Not found",
    denied: "Not allowed",
    other: "That did not work",
  },
  state: {
    STATE_UNSPECIFIED: "Unknown", STATE_WAITING: "Waiting", STATE_BUILDING: "Building", STATE_STARTING: "Starting", STATE_READY: "Ready",
    STATE_UNREADY: "Not ready", STATE_BACKING_OFF: "Crashed, waits", STATE_STOPPING: "Stopping", STATE_STOPPED: "Stopped", STATE_FAILED: "Failed",
    STATE_COMPLETED: "Completed", STATE_LEFT_OUT: "Left out", STATE_SCHEDULED: "Scheduled",
  },
  range: {
    label: "Time range",
    last: (length: string) => `Last ${length}`,
    from: "From",
    to: "To",
    custom: "Fixed range…",
    back: "Earlier",
    forward: "Later",
  },
  columns: { service: "Service", state: "State", instances: "Instances", requests: "Requests", errors: "Errors", p95: "p95", cpu: "CPU", memory: "Memory", revision: "Revision", started: "Started", restarts: "Restarts", reason: "Reason", time: "Time", route: "Route", duration: "Duration", name: "Name" },
  outside: "outside",
  nowhere: "nowhere",
};

const units: Record<string, string> = { s: "초", m: "분", h: "시간", d: "일" };

/** length is a while such as 15m in Korean. */
export const length = (text: string): string => text.replace(/^(\d+)([smhd])$/, (_, n: string, unit: string) => n + (units[unit] ?? unit));

const ko: typeof en = {
  copy: "복사",
  copied: "복사했습니다",
  cancel: "취소",
  close: "닫기",
  retry: "다시 시도",
  all: "전체",
  more: "더 보기",
  details: "자세히",
  none: "없음",
  viewerOnly: "볼 수만 있습니다. 조작하려면 operator 역할이 필요합니다",
  done: (what) => `${what}: 완료`,
  failed: (what, why) => `${what} 실패: ${why}`,
  error: {
    unavailable: "데몬이 응답하지 않습니다",
    unimplemented: "이 데몬은 아직 이 정보를 제공하지 않습니다",
    unimplementedText: "이 화면보다 오래된 버전이거나 텔레메트리가 꺼져 있습니다. Banyan을 업데이트하고 앱을 다시 시작하세요:",
    notFound: "찾을 수 없습니다",
    denied: "권한이 없습니다",
    other: "작업에 실패했습니다",
  },
  state: {
    STATE_UNSPECIFIED: "알 수 없음", STATE_WAITING: "대기 중", STATE_BUILDING: "빌드 중", STATE_STARTING: "시작 중", STATE_READY: "준비됨",
    STATE_UNREADY: "준비 안 됨", STATE_BACKING_OFF: "비정상 종료, 대기", STATE_STOPPING: "중지하는 중", STATE_STOPPED: "중지됨", STATE_FAILED: "실패",
    STATE_COMPLETED: "완료됨", STATE_LEFT_OUT: "제외됨", STATE_SCHEDULED: "예약됨",
  },
  range: {
    label: "시간 범위",
    last: (text) => `최근 ${length(text)}`,
    from: "시작",
    to: "끝",
    custom: "기간 지정…",
    back: "이전",
    forward: "이후",
  },
  columns: { service: "서비스", state: "상태", instances: "인스턴스", requests: "요청", errors: "오류", p95: "p95", cpu: "CPU", memory: "메모리", revision: "리비전", started: "시작", restarts: "재시작", reason: "이유", time: "시각", route: "경로", duration: "시간", name: "이름" },
  outside: "외부",
  nowhere: "없음",
};

export const common = { en, ko };
