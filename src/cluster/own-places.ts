import { type Place, systemSpace } from '../store/index.ts'

/** Stands in the replica while a snapshot is being copied into it: after a crash in between, it is copied anew. */
export const copying: Place = { space: systemSpace, kind: 'setting', id: 'replica-is-being-copied' }

/** Which cluster the replica follows. */
export const ofCluster: Place = { space: systemSpace, kind: 'setting', id: 'replica-is-of-cluster' }

/** What the replica holds of its own, and the cluster does not. */
export const ownPlaces: readonly Place[] = [copying, ofCluster]
