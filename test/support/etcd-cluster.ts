import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Authority, createAuthority, issuePeer, writeBundle } from '../../certs/index.ts'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import { EtcdClient, findEtcd, type Log, type Member, startMember, type TlsFiles } from '../../src/cluster/index.ts'

export interface EtcdCluster {
  readonly folder: string
  readonly members: readonly Member[]
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles
  /** The endpoints as a node sees them: its own member first. */
  endpointsOf(index: number): string[]
  /** Kills a member (SIGKILL) and keeps it from being started again. */
  kill(index: number): Promise<void>
  /** Starts a member again that was killed. */
  revive(index: number): Promise<void>
  client(): EtcdClient
  close(): Promise<void>
}

/**
 * Real etcd members on free loopback ports, with TLS made now; resolves when they take writes.
 * @param quota bytes of each one's database
 */
export async function startEtcdCluster(size: number, log: Log = () => {}, quota?: number): Promise<EtcdCluster> {
  const binary = (await findEtcd()).path
  const folder = await mkdtemp(join(tmpdir(), 'tresor-etcd-'))
  const tls = await makePeerTls(join(folder, 'tls'))
  const ports = await freePorts(size * 2)
  const names = Array.from({ length: size }, (_, index) => `n${index + 1}`)
  const peerUrl = (index: number) => `https://127.0.0.1:${ports[2 * index]}`
  const clientUrl = (index: number) => `https://127.0.0.1:${ports[2 * index + 1]}`
  const initialCluster = Object.fromEntries(names.map((name, index) => [name, peerUrl(index)]))
  const start = (index: number) =>
    startMember({
      binary,
      name: names[index]!,
      dataDir: join(folder, names[index]!),
      peerUrl: peerUrl(index),
      clientUrl: clientUrl(index),
      initialCluster,
      state: 'new',
      clusterToken: folder,
      tls,
      log,
      ...(quota === undefined ? {} : { quota }),
    })
  const members = await Promise.all(names.map((_, index) => start(index)))
  const endpoints = names.map((_, index) => clientUrl(index))
  const clients: EtcdClient[] = []
  const cluster: EtcdCluster = {
    folder,
    members,
    endpoints,
    tls,
    endpointsOf: (index) => [...endpoints.slice(index), ...endpoints.slice(0, index)],
    async kill(index) {
      const { pid } = members[index]!
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await members[index]!.stop()
    },
    async revive(index) {
      members[index] = await start(index)
    },
    client() {
      const client = new EtcdClient({ endpoints, tls })
      clients.push(client)
      return client
    },
    async close() {
      for (const client of clients) client.close()
      // Killed: ending in good order, each would first look for another leader among the others that end.
      await Promise.all(members.map((_, index) => cluster.kill(index)))
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await Promise.all(members.map(untilHealthy))
  } catch (error) {
    await cluster.close()
    throw error
  }
  return cluster
}

export async function untilHealthy(member: Member): Promise<void> {
  const deadline = Date.now() + 60_000
  while (true) {
    const problem = await member.problem()
    if (problem === undefined) return
    if (Date.now() > deadline) throw new Error(`an etcd member did not start in a minute: ${problem}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export async function makePeerTls(folder: string): Promise<TlsFiles> {
  const authority: Authority = await createAuthority({ name: 'test cluster' })
  const issued = await issuePeer(authority, { name: 'member', hosts: ['localhost', '127.0.0.1'] })
  await writeBundle(folder, issued, { withoutPkcs12: true })
  return { ca: join(folder, 'ca.pem'), certificate: join(folder, 'cert.pem'), privateKey: join(folder, 'key.pem') }
}
