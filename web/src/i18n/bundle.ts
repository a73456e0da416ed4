const en = {
  export: "Export", import: "Import", importing: "Importing…",
  exportWhy: "Save what is shown as one file, to hand to a colleague",
  importWhy: "Look at a file that somebody exported",
  exported: (name: string, size: string) => `Saved ${name}, ${size}`,
  done: (name: string) => `Imported ${name}`,
  imported: (name: string) => `Imported ${name}`,
  app: "App", kept: "Kept until",
  left: "Left out",
  known: (n: string) => `${n} traces that are here already`,
  tooOld: (n: string) => `${n} records that are older than anything that is kept`,
  seeTraces: "See the traces", seeLogs: "See the logs",
};

const ko: typeof en = {
  export: "내보내기", import: "가져오기", importing: "가져오는 중…",
  exportWhy: "지금 보이는 것을 동료에게 건넬 파일 하나로 저장합니다",
  importWhy: "다른 사람이 내보낸 파일을 살펴봅니다",
  exported: (name, size) => `${name} 저장됨, ${size}`,
  done: (name) => `${name} 가져옴`,
  imported: (name) => `${name} 가져옴`,
  app: "앱", kept: "보관 기한",
  left: "제외된 것",
  known: (n) => `이미 있는 트레이스 ${n}개`,
  tooOld: (n) => `보관 기간보다 오래된 레코드 ${n}개`,
  seeTraces: "트레이스 보기", seeLogs: "로그 보기",
};

export const bundle = { en, ko };
