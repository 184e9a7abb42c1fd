import test from 'ava'
import { addHsmTenant } from '../support/hsm-tenant.ts'
import { startTestNode } from '../support/node.ts'
import { hasOasis, oasisAbsent } from '../support/oasis.ts'
import { countOf, described, runOasis } from '../support/oasis-run.ts'
import { softHsm } from '../support/softhsm.ts'
import { waitingFor } from './waiting.ts'
import { refusedBySoftHsm, takenBySoftHsm } from './waiting-softhsm.ts'

test("OASIS's cases with all keys in a SoftHSM token: they pass as on a software partition, but those that are listed", async (t) => {
  t.timeout(300_000)
  if (!hasOasis) {
    t.log(oasisAbsent)
    t.false(hasOasis)
    return
  }
  const hsm = softHsm()
  const node = await startTestNode()
  try {
    await addHsmTenant(node, hsm, 'token')
    const results = await runOasis(node, (tenant) => node.node.registry.addTenant(tenant, 'token'))
    const failed = results.filter((result) => result.outcome === 'failed')
    const lacking = Object.values(refusedBySoftHsm)
    const waiting = Object.values(waitingFor)
      .flat()
      .filter((name) => !takenBySoftHsm.includes(name))
    const expected = [...waiting, ...lacking.flatMap(({ cases }) => cases)]
    t.deepEqual(failed.map(({ name }) => name).sort(), expected.sort(), failed.map(described).join('\n'))
    for (const { says, cases } of lacking)
      for (const { name, response } of failed.filter((result) => cases.includes(result.name))) if (says) t.regex(response ?? '', says, name)
    t.true(countOf(results, 'passed') >= 170)
    t.log((['passed', 'failed', 'waiting'] as const).map((outcome) => `${countOf(results, outcome)} ${outcome}`).join(', '))
  } finally {
    await node.remove()
    hsm.remove()
  }
})
