import test from 'ava'
import { type Event, History } from '../support/history.ts'
import type { KeyInput } from './key-model.ts'
import { faultRows, faultTable, operationRows } from './report.ts'

/** An answered Get, unless said otherwise. */
function answered(time: number, node: number | undefined, more: Partial<Event<KeyInput>> = {}): Event<KeyInput> {
  return {
    key: 'k',
    input: { do: 'Get' },
    node,
    invoked: time - 1,
    completed: time,
    outcome: 'answered',
    freshness: 0,
    answer: 'done',
    words: undefined,
    ...more,
  }
}

test('a report counts outcomes, and the longest time without an answer until a fault was got over', (t) => {
  const history = new History<KeyInput>()
  for (const [time, node] of [
    [100, 0],
    [200, 1],
    [400, undefined],
    [700, 1],
    [900, 2],
    [1_500, 0],
  ] as const)
    history.add(answered(time, node))
  history.add(answered(800, undefined, { outcome: 'nothing', answer: undefined }))
  history.add(answered(300, 0, { input: { do: 'Encrypt' }, answer: 'ObjectDestroyed' }))
  const fault = { kind: 'a cut', what: 'node-1 cut', affected: [0], began: 150, healed: 1_000, over: 1_500 }
  const rows = faultRows([fault], history, [0, 1, 2])
  // Node 2 is silent from 700, node 3 before 900; who fails over, from 400.
  t.deepEqual(rows, [{ kind: 'a cut', times: 1, elsewhere: 800, failingOver: 1_100, back: 500 }])
  t.regex(faultTable(rows), /\| a cut \| +1 \| +0\.8 \| +1\.1 \| +0\.5 \|/)
  t.deepEqual(operationRows(history), [
    { operation: 'Encrypt', granted: 0, refused: 1, nothing: 0, unknown: 0 },
    { operation: 'Get', granted: 6, refused: 0, nothing: 1, unknown: 0 },
  ])
})
