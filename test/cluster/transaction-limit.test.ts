import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import { findEtcd, openEtcdLedger } from '../../src/cluster/index.ts'
import type { ChangeSet } from '../../src/store/index.ts'
import { changeSet, objectPlace } from '../support/change-sets.ts'
import { makePeerTls } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'

/** What one etcd takes that was started without a word about limits. */
const defaultOperations = 128

test('sets of every size travel together within what an etcd takes by default; a larger one is refused alone', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tresor-limit-'))
  const tls = await makePeerTls(join(folder, 'tls'))
  const [peer, client] = await freePorts(2)
  const [peerUrl, clientUrl] = [`https://127.0.0.1:${peer}`, `https://127.0.0.1:${client}`]
  const flags = {
    'data-dir': join(folder, 'etcd'),
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `default=${peerUrl}`,
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'trusted-ca-file': tls.ca,
    'cert-file': tls.certificate,
    'key-file': tls.privateKey,
    'peer-trusted-ca-file': tls.ca,
    'peer-cert-file': tls.certificate,
    'peer-key-file': tls.privateKey,
    'client-cert-auth': 'true',
    logger: 'zap',
  }
  const etcd = spawn(
    (await findEtcd()).path,
    Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    { stdio: 'ignore' },
  )
  const ledger = openEtcdLedger({ endpoints: [clientUrl], tls, node: 'n', replica: memoryReplica() })
  t.teardown(async () => {
    await ledger.close()
    etcd.kill('SIGKILL')
    await once(etcd, 'exit')
    await rm(folder, { recursive: true, force: true })
  })
  let made = 0
  /** Writes so many places, guarded or not, or removes them. */
  const set = (size: number, sort: number): ChangeSet => {
    const places = Array.from({ length: size }, () => objectPlace(`${made++}`))
    const guards = sort === 0 ? [] : places.map((place) => ({ place, revision: 0 }))
    return changeSet(
      places.map((place) => ({ place, value: sort === 2 ? undefined : Buffer.from('v') })),
      guards,
    )
  }
  while (
    !(await ledger.barrier().then(
      () => true,
      () => false,
    ))
  );
  const most = defaultOperations - 2
  const sizes = [1, 2, 3, 61, 62, 63, 64, 65, 100, most - 2, most - 1, most]
  for (let round = 0; round < 4; round++) {
    const sets = sizes.flatMap((size) =>
      [0, 1, 2].flatMap((sort) => [set(sort === 2 ? size - 1 || 1 : size, sort), set(1, sort), set(2, sort)]),
    )
    // In another order each time, so that other sets meet.
    const mixed = sets.map((each) => ({ each, at: Math.random() })).sort((one, two) => one.at - two.at)
    const tooLarge = t.throwsAsync(ledger.commit(set(most + 1, 0)), { message: /send fewer batch items/ })
    const outcomes = await Promise.all(mixed.map(({ each }) => ledger.commit(each)))
    await tooLarge
    t.deepEqual([...new Set(outcomes.map(({ outcome }) => outcome))], ['committed'])
  }
})
