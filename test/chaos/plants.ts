import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { EtcdLedger } from '../../src/cluster/etcd-ledger.ts'
import { ReadBarrier } from '../../src/cluster/read-barrier.ts'
import { RecentBarriers } from '../../src/server/recent-barriers.ts'
import { LocalReplica, ReplicaWriter } from '../../src/store/index.ts'
import type { PlantName } from './plant-names.ts'

/*
 * Faults that a program could have, for the checker to find: loaded into a node's processes before their own program, which knows nothing of it.
 * The file that TRESOR_CHAOS_PLANT names says which one is in force; several times a second it is read again.
 */
const file = process.env.TRESOR_CHAOS_PLANT
let planted: string | undefined
if (file !== undefined) {
  const look = () => {
    try {
      planted = readFileSync(file, 'utf8').trim()
    } catch {
      planted = undefined
    }
  }
  look()
  setInterval(look, 100).unref()
}
const isPlanted = (name: PlantName) => planted === name

const { pass } = ReadBarrier.prototype
ReadBarrier.prototype.pass = function (this: ReadBarrier, patience) {
  return isPlanted('barrier skipped') ? Promise.resolve() : pass.call(this, patience)
}

const { renew } = LocalReplica.prototype
LocalReplica.prototype.renew = function (this: LocalReplica) {
  if (!isPlanted('view not renewed')) renew.call(this)
}

const { pass: passRecent } = RecentBarriers.prototype
RecentBarriers.prototype.pass = function (this: RecentBarriers, tenant, freshness) {
  return isPlanted('age beyond freshness') ? Promise.resolve() : passRecent.call(this, tenant, freshness)
}

const { apply } = ReplicaWriter.prototype
ReplicaWriter.prototype.apply = async function (this: ReplicaWriter, ...changes) {
  // Whoever waits for the replica as it must, only waits longer.
  if (isPlanted('late replica') || isPlanted('age beyond freshness')) await new Promise((resolve) => setTimeout(resolve, 1_000))
  return await apply.call(this, ...changes)
}

const { commit } = EtcdLedger.prototype
EtcdLedger.prototype.commit = async function (this: EtcdLedger, changes) {
  if (isPlanted('guards left out')) return await commit.call(this, { ...changes, guards: [] })
  const outcome = await commit.call(this, changes)
  // The answer counts as lost, and what was asked is asked again.
  const isLost = isPlanted('unknown outcome run again') && randomBytes(1).readUInt8() < 26
  return isLost ? await commit.call(this, { ...changes, nonce: randomBytes(16) }) : outcome
}
