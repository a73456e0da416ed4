const en = {
  none: { title: "No saga has run", text: "A saga is a list of steps in the app file, each with what undoes it: all are done, or none is. Describe one:" },
  example: `sagas:
  checkout:
    steps:
      - name: reserve
        call: {service: inventory, method: PUT, path: "/reservations/{input.order}"}
        undo: {method: DELETE, path: "/reservations/{input.order}"}
      - name: charge
        call: {service: payment, method: PUT, path: "/charges/{input.order}"}
        undo: {method: DELETE, path: "/charges/{input.order}"}`,
  then: "Apply the file, and start it:",
  noMatch: { title: "No saga matches", text: "None is in this state. Choose another one above." },
  start: `banyan saga start checkout --input '{"order": "o-1"}'`,
  state: "State", name: "Saga",
  started: "Started", by: "By", updated: "Changed", steps: "Steps", timeline: "Timeline", input: "Input", deadline: "Deadline", due: "Goes on", parent: "Step of", output: "Output", child: "Runs",
  missing: { title: "There is no such saga", text: "It never ran, or it ended so long ago that it is kept no more." },
  omitted: (n: string) => `${n} older entries are left out.`,
  saga: "saga",
  undo: "undo",
  attempt: (n: number) => `attempt ${n}`,
  retry: "Try again", skip: "Skip", compensate: "Undo all", cancel: "Cancel",
  retryAsk: "Try the step again?", retryText: "The step that needs attention is called once more.",
  skipAsk: "Skip the step?", skipText: "It counts as done, whether it is or not. Make sure first that what it does was done, or need not be.",
  compensateAsk: "Undo all that the saga did?", compensateText: "The steps are undone, the last one first.",
  cancelAsk: "Cancel the saga?", cancelText: "What it did is undone, the last step first.",
  reason: "Reason, for people",
  states: {
    SAGA_STATE_UNSPECIFIED: "All states", SAGA_STATE_RUNNING: "Running", SAGA_STATE_COMPENSATING: "Undoing", SAGA_STATE_NEEDS_ATTENTION: "Needs attention",
    SAGA_STATE_SUCCEEDED: "Succeeded", SAGA_STATE_COMPENSATED: "Undone",
  },
};

const ko: typeof en = {
  none: { title: "실행된 사가가 없습니다", text: "사가는 앱 파일에 적는 단계 목록이며, 각 단계에는 되돌리는 방법이 있습니다. 모두 실행되거나 모두 되돌려집니다. 예:" },
  example: `sagas:
  checkout:
    steps:
      - name: reserve
        call: {service: inventory, method: PUT, path: "/reservations/{input.order}"}
        undo: {method: DELETE, path: "/reservations/{input.order}"}
      - name: charge
        call: {service: payment, method: PUT, path: "/charges/{input.order}"}
        undo: {method: DELETE, path: "/charges/{input.order}"}`,
  then: "파일을 적용한 다음 시작합니다:",
  noMatch: { title: "맞는 사가가 없습니다", text: "이 상태의 사가가 없습니다. 위에서 다른 상태를 고르세요." },
  start: `banyan saga start checkout --input '{"order": "o-1"}'`,
  state: "상태", name: "사가",
  started: "시작", by: "시작한 서비스", updated: "변경", steps: "단계", timeline: "타임라인", input: "입력", deadline: "기한", due: "다음 실행", parent: "상위 사가", output: "출력", child: "하위 사가",
  missing: { title: "이 사가가 없습니다", text: "실행된 적이 없거나 끝난 지 오래되어 남아 있지 않습니다." },
  omitted: (n) => `오래된 기록 ${n}개는 생략했습니다.`,
  saga: "사가",
  undo: "되돌림",
  attempt: (n) => `${n}번째 시도`,
  retry: "다시 시도", skip: "건너뛰기", compensate: "모두 되돌리기", cancel: "취소",
  retryAsk: "이 단계를 다시 시도할까요?", retryText: "확인이 필요한 단계를 한 번 더 호출합니다.",
  skipAsk: "이 단계를 건너뛸까요?", skipText: "실제 결과와 관계없이 완료로 처리합니다. 이미 처리되었거나 필요 없는지 먼저 확인하세요.",
  compensateAsk: "사가가 한 일을 모두 되돌릴까요?", compensateText: "마지막 단계부터 차례로 되돌립니다.",
  cancelAsk: "사가를 취소할까요?", cancelText: "한 일을 마지막 단계부터 되돌립니다.",
  reason: "이유(다른 사람이 볼 수 있음)",
  states: {
    SAGA_STATE_UNSPECIFIED: "모든 상태", SAGA_STATE_RUNNING: "실행 중", SAGA_STATE_COMPENSATING: "되돌리는 중", SAGA_STATE_NEEDS_ATTENTION: "확인 필요",
    SAGA_STATE_SUCCEEDED: "성공", SAGA_STATE_COMPENSATED: "되돌림",
  },
};

export const sagas = { en, ko };
