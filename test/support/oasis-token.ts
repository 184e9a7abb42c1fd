import type { ExecutionContext } from 'ava'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
import { waitingFor } from '../conformance/waiting.ts'
import type { OasisOnModule } from '../conformance/waiting-token.ts'
import { startTestNode } from './node.ts'
import { hasOasis, oasisAbsent } from './oasis.ts'
import { countOf, described, runOasis } from './oasis-run.ts'
import type { Tokens } from './tokens.ts'

/** Runs OASIS's cases with all keys in one token: those that fail are those that wait anyway or are listed as refused, each in the listed words, and no others. */
export async function passButListed(t: ExecutionContext, tokens: Tokens, { refused, taken, passed }: OasisOnModule): Promise<void> {
  t.timeout(300_000)
  if (!hasOasis) {
    t.log(oasisAbsent)
    t.false(hasOasis)
    return
  }
  const node = await startTestNode()
  try {
    const place = tokens.token('token')
    await createPkcs11Partition({ name: 'token', ...place })
    await node.node.registry.addPartition({ kind: 'pkcs11', name: 'token', ...place })
    const results = await runOasis(node, (tenant) => node.node.registry.addTenant(tenant, 'token'))
    const failed = results.filter((result) => result.outcome === 'failed')
    const lacking = Object.values(refused)
    const waiting = Object.values(waitingFor)
      .flat()
      .filter((name) => !taken.includes(name))
    const expected = [...waiting, ...lacking.flatMap(({ cases }) => cases)]
    t.deepEqual(failed.map(({ name }) => name).sort(), expected.sort(), failed.map(described).join('\n'))
    for (const { says, cases } of lacking)
      for (const { name, response } of failed.filter((result) => cases.includes(result.name))) if (says) t.regex(response ?? '', says, name)
    t.true(countOf(results, 'passed') >= passed)
    t.log((['passed', 'failed', 'waiting'] as const).map((outcome) => `${countOf(results, outcome)} ${outcome}`).join(', '))
  } finally {
    await node.remove()
    tokens.remove()
  }
}
