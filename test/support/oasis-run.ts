import { operations } from '../../spec/operations.ts'
import { servedVersions } from '../../spec/versions.ts'
import { Connection } from '../../src/client/index.ts'
import { type Result, readFolder, runCases } from '../../src/conformance/index.ts'
import type { TestNode } from './node.ts'
import { oasisFolder } from './oasis.ts'

/** Runs OASIS's cases of all served versions over mutual TLS, each series as a tenant of its own, that `addTenant` makes first where it is given. */
export async function runOasis(node: TestNode, addTenant: (name: string) => Promise<unknown> = async () => {}): Promise<Result[]> {
  const { cases } = readFolder(oasisFolder, new Set<string>(servedVersions))
  let tenants = 0
  return runCases(cases, {
    served: new Set(Object.keys(operations)),
    open: async () => {
      const tenant = `series-${++tenants}`
      await addTenant(tenant)
      const { authority, certificate, privateKey } = await node.enroll(tenant, 'client')
      // The official cases use it.
      await node.node.registry.setPolicy(tenant, { tripleDes: true })
      const connection = await Connection.open(
        { host: '127.0.0.1', port: node.port },
        { ca: authority, cert: certificate, key: privateKey },
      )
      return { exchange: (frame) => connection.exchange(frame), close: () => connection.close() }
    },
    onResult: () => {},
  })
}

/** A result as one line: which step of a failed case differs, and how. */
export function described(result: Result): string {
  return result.outcome === 'failed' ? `${result.name} step ${result.step}: ${result.differences[0]}` : result.name
}

export function countOf(results: readonly Result[], outcome: Result['outcome']): number {
  return results.filter((result) => result.outcome === outcome).length
}
