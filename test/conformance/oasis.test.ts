import test from 'ava'
import { startTestNode } from '../support/node.ts'
import { hasOasis, oasisAbsent } from '../support/oasis.ts'
import { countOf, described, runOasis } from '../support/oasis-run.ts'
import { waitingFor } from './waiting.ts'

test("OASIS's cases of 1.0, 1.4 and 2.1 over mutual TLS: all pass but those that are listed with what they wait for", async (t) => {
  t.timeout(180_000)
  if (!hasOasis) {
    t.log(oasisAbsent)
    t.false(hasOasis)
    return
  }
  const node = await startTestNode()
  try {
    const results = await runOasis(node)
    const failed = results.filter((result) => result.outcome === 'failed')
    t.deepEqual(failed.map(({ name }) => name).sort(), Object.values(waitingFor).flat().sort(), failed.map(described).join('\n'))
    t.true(countOf(results, 'passed') >= 200)
    t.log((['passed', 'failed', 'waiting'] as const).map((outcome) => `${countOf(results, outcome)} ${outcome}`).join(', '))
  } finally {
    await node.remove()
  }
})
