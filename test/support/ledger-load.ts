import type { CommitOutcome, RemoteLedger } from '../../src/store/index.ts'
import { objectChange, objectPlace } from './change-sets.ts'

/** What became of every commit of a load, held against what the replica shows. */
export interface LoadAccount {
  /** Commits whose answer is not what the replica shows. */
  readonly wrong: readonly string[]
  readonly count: (answer: CommitOutcome['outcome'] | 'refused') => number
  /** Why outcomes stayed unknown. */
  readonly reasons: readonly string[]
  readonly summary: string
}

/** Eight requesters make objects, each as fast as it is answered, until `stop`, which passes a barrier and looks at everything. */
export function commitUnderLoad(ledger: RemoteLedger): { stop(): Promise<LoadAccount> } {
  const answers = new Map<string, CommitOutcome['outcome'] | 'refused'>()
  const reasons = new Set<string>()
  let working = true
  const settle = (outcome: CommitOutcome) => {
    if (outcome.outcome === 'unknown') reasons.add(outcome.why)
    return outcome.outcome
  }
  const requesters = Array.from({ length: 8 }, async (_, requester) => {
    for (let n = 0; working; n++) {
      const id = `${requester}-${n}`
      answers.set(id, await ledger.commit(objectChange(id, 'v', 0)).then(settle, () => 'refused' as const))
    }
  })
  return {
    async stop() {
      working = false
      await Promise.all(requesters)
      await ledger.barrier()
      const wrong = [...answers].filter(([id, answer]) => {
        const isThere = ledger.replica.read(objectPlace(id)) !== undefined
        return answer === 'committed' ? !isThere : answer !== 'unknown' && isThere
      })
      const count: LoadAccount['count'] = (wanted) => [...answers.values()].filter((each) => each === wanted).length
      const summary = `${count('committed')} committed, ${count('conflict')} known not to be, ${count('unknown')} unknown, ${count('refused')} refused`
      return { wrong: wrong.map((each) => each.join(': ')), count, reasons: [...reasons], summary }
    },
  }
}
