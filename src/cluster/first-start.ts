import { rm } from 'node:fs/promises'
import { type ClusterMembership, clusterPaths, readMembership, writeMembership } from './cluster-folder.ts'

/*
 * etcd that was killed while it first made its files may never come up from them: it has no member to elect. Until the first member of a new
 * cluster took part, there is nothing in them that matters, and they are made anew.
 */

/** To be called before the node's own member starts. */
export async function dropUnbegun(folder: string, { begun }: ClusterMembership): Promise<void> {
  if (begun === false) await rm(clusterPaths(folder).etcd, { recursive: true, force: true })
}

/** To be called when the member takes part, before anything is written to it. */
export async function markBegun(folder: string): Promise<void> {
  const membership = await readMembership(folder)
  if (membership?.begun === false) await writeMembership(folder, { ...membership, begun: true })
}
