import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { clusterPaths } from './cluster-folder.ts'

/** Beside a replica of a cluster on an operator's etcd: which one it is of. */
export function operatorEtcdFile(folder: string): string {
  return join(folder, 'operator-etcd.json')
}

/** @throws Error when the store beside this cluster folder is a cluster's replica: alone, it would go on with a past of its own */
export function refuseReplicaAlone(folder: string): void {
  const path = [clusterPaths(folder).membership, operatorEtcdFile(folder)].find((candidate) => existsSync(candidate))
  if (path === undefined) return
  throw new Error(
    `${path}: this node's store is the replica of a cluster, and the configuration names none: put the keys of cluster back into it; a node that is to stand alone needs a new data folder (--data DIR)`,
  )
}
