import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { replicaFile } from './database.ts'

/*
 * A store's folder says whose it is: that of a node that stands alone (no file), one on its way into a cluster (`moving`), or a
 * copy of a cluster's (`cluster`). A copy that was opened as if it stood alone would answer with keys as they once were.
 */
type Owner = 'alone' | 'moving' | 'cluster'

/** @throws Error when the store of the folder went into a cluster, or is a copy of one */
export function checkStandsAlone(directory: string): void {
  const owner = ownerOf(directory)
  if (owner === 'moving')
    throw new Error(
      `${directory}: the keys of this store are on their way into a cluster, and may not be changed here meanwhile; finish with: tresor cluster init`,
    )
  if (owner === 'cluster')
    throw new Error(
      `${directory}: the keys of this store have moved on: it belongs to a node of a cluster, where they were changed and destroyed since, and it does not serve alone again. ` +
        'Start the node with the cluster section in its tresor.yaml and its cluster folder beside the store; a cluster that is lost is begun anew with tresor cluster restore',
    )
}

/**
 * The folder becomes a copy of a cluster's store, if it is none yet.
 * @throws Error when it holds what was never brought into a cluster
 */
export function takeForCluster(directory: string): void {
  const owner = ownerOf(directory)
  if (owner === 'cluster') return
  if (holdsOwnData(directory))
    throw new Error(
      `${directory} holds the keys of a node that stands alone, which are in no cluster yet; bring them into one with: tresor cluster init (without a cluster section in tresor.yaml)`,
    )
  setOwner(directory, 'cluster')
}

/** Whether it is the store of a node that stands alone, and was used; on its way into a cluster it still is. */
export function holdsOwnData(directory: string): boolean {
  const owner = ownerOf(directory)
  if (owner !== 'alone') return owner === 'moving'
  const isCopy = existsSync(join(directory, 'boot'))
  return !isCopy && existsSync(join(directory, replicaFile))
}

/** From here on nothing can be changed in the store. @throws Error when it is a cluster's already */
export function beginMove(directory: string): void {
  const owner = ownerOf(directory)
  if (owner === 'cluster') checkStandsAlone(directory)
  if (owner === 'alone') setOwner(directory, 'moving')
}

/**
 * What the store held is elsewhere now; the folder is ready to become a copy of that, from its beginning. Wrapped keys do not stay behind,
 * where their destruction would not reach them.
 */
export function emptyForCluster(directory: string): void {
  for (const file of [replicaFile, `${replicaFile}-lock`]) rmSync(join(directory, file), { force: true })
  setOwner(directory, 'cluster')
}

function ownerOf(directory: string): Owner {
  let text: string
  try {
    text = readFileSync(join(directory, ownerFile), 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'alone'
    throw error
  }
  if (text === 'moving' || text === 'cluster') return text
  throw new Error(`${join(directory, ownerFile)} says ${JSON.stringify(text)}: a newer Tresor wrote it; upgrade this one`)
}

function setOwner(directory: string, owner: Owner): void {
  const path = join(directory, ownerFile)
  writeFileSync(`${path}.new`, `${owner}\n`, { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
}

const ownerFile = 'owner'
