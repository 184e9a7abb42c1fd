import test from 'ava'
import { operations } from '../../spec/operations.ts'
import { servedVersions } from '../../spec/versions.ts'
import { Connection } from '../../src/client/index.ts'
import { type Result, readFolder, runCases } from '../../src/conformance/index.ts'
import { startTestNode } from '../support/node.ts'
import { hasOasis, oasisAbsent, oasisFolder } from '../support/oasis.ts'
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
    const { cases } = readFolder(oasisFolder, new Set<string>(servedVersions))
    let tenants = 0
    const results = await runCases(cases, {
      served: new Set(Object.keys(operations)),
      open: async () => {
        const { authority, certificate, privateKey } = await node.enroll(`series-${++tenants}`, 'client')
        const connection = await Connection.open(
          { host: '127.0.0.1', port: node.port },
          { ca: authority, cert: certificate, key: privateKey },
        )
        return { exchange: (frame) => connection.exchange(frame), close: () => connection.close() }
      },
      onResult: () => {},
    })
    const failed = results.filter((result) => result.outcome === 'failed')
    t.deepEqual(failed.map(({ name }) => name).sort(), Object.values(waitingFor).flat().sort(), failed.map(described).join('\n'))
    t.true(results.filter(({ outcome }) => outcome === 'passed').length >= 200)
    t.log(
      ['passed', 'failed', 'waiting']
        .map((outcome) => `${results.filter((result) => result.outcome === outcome).length} ${outcome}`)
        .join(', '),
    )
  } finally {
    await node.remove()
  }
})

function described(result: Result): string {
  return result.outcome === 'failed' ? `${result.name} step ${result.step}: ${result.differences[0]}` : result.name
}
