import { duration, percent, short } from "../lib/format";

type Say = (labels: Record<string, string>, value?: number) => string;

const of = (value: number | undefined, write: (n: number) => string): string => (value === undefined ? "‹value›" : write(value));
const seconds = (n: number): string => duration(n * 1000);

/** Of the rules that come with Banyan the daemon says what they mean in English. */
const ko: Record<string, Say> = {
  ServiceDown: ({ service }) => `${service} 서비스에 준비된 인스턴스가 없습니다`,
  CrashLoop: ({ service }) => `${service} 서비스가 반복해서 비정상 종료됩니다`,
  ErrorsBurnFast: ({ callee }, value) => `${callee} 서비스로 가는 요청의 ${of(value, percent)}가 실패합니다`,
  ErrorsBurnSlowly: ({ callee }, value) => `${callee} 서비스로 가는 요청의 ${of(value, percent)}가 실패합니다`,
  LatencyHigh: ({ callee }, value) => `${callee} 서비스가 느립니다. 요청 100개 중 1개는 ${of(value, seconds)} 이상 걸립니다`,
  DeadLettersGrow: ({ service, topic }) => `${service} 서비스가 ${topic} 이벤트를 받지 못합니다`,
  EventsWait: ({ service, topic }, value) => `${service} 서비스가 ${topic} 이벤트를 ${of(value, seconds)} 늦게 받고 있습니다`,
  OutboxRefused: ({ service }, value) => `${service} 아웃박스에 발행할 수 없는 이벤트가 ${of(value, short)}개 있습니다`,
  SagaNeedsAttention: (_, value) => `사가 ${of(value, short)}개를 사람이 확인해야 합니다`,
  DiskNearlyFull: (_, value) => `디스크 공간이 ${of(value, percent)} 남았습니다`,
  ExportBehind: ({ target, signal }, value) => `${target}에 ${signal}이(가) ${of(value, seconds)} 동안 모두 전달되지 않았습니다`,
  TelemetryDropped: ({ where, reason }) => `텔레메트리가 유실되었습니다: ${where}, ${reason}`,
};

const severities: Record<string, string> = { critical: "심각", warning: "경고", info: "정보" };

/** places stand where an alert's labels will be. */
const places = new Proxy<Record<string, string>>({}, { get: (_, name) => `‹${String(name)}›` });

export const rules = {
  en: { say: (_: string): Say | undefined => undefined, severity: (name: string): string => name },
  ko: { say: (name: string): Say | undefined => ko[name], severity: (name: string): string => severities[name] ?? name },
  places,
};
