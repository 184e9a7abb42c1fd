import { type BackupHeader, type BackupValue, type OpenBackup, writeBackup } from './backup-file.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { type Page, pagesOf } from './pages.ts'
import type { SeedSource } from './seed.ts'
import { decodeStored } from './stored-value.ts'

export interface BackupTold {
  readonly revision: number
  readonly values: number
}

type About = Pick<BackupHeader, 'node' | 'secrets'>

/**
 * Writes all that a cluster holds, as it is at one revision, into a new file, while the cluster serves. etcd forgets a revision some minutes
 * after it was the newest: a backup that takes longer is begun anew, at a newer one.
 * @throws Error when the file is there already, the cluster does not answer, or each attempt took too long
 */
export async function backUp(client: EtcdClient, keys: Keys, path: string, about: About): Promise<BackupTold> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await backUpOnce(client, keys, path, about)
    } catch (error) {
      if (!/has been compacted/.test(describeFailure(error))) throw error
      if (attempt === attempts)
        throw new Error(
          `${path}: etcd forgot the revision of the backup before it was written, ${attempts} times (it keeps one for five minutes): write to a faster disk, when there is less load`,
          { cause: error },
        )
    }
  }
}

async function backUpOnce(client: EtcdClient, keys: Keys, path: string, about: About): Promise<BackupTold> {
  const pages = pagesOf(client, keys)
  const first = await pages.next()
  if (first.done === true) throw new Error('etcd gave no page at all')
  const { revision } = first.value
  const length = keys.data.length
  const told = ({ kvs }: Page) =>
    kvs.map(({ key, value, modRevision }): BackupValue => ({ key: key.subarray(length), value, revision: revisionOf(modRevision) }))
  async function* all(page: Page): AsyncGenerator<readonly BackupValue[]> {
    yield told(page)
    for await (const next of pages) yield told(next)
  }
  const values = await writeBackup(path, { formatVersion: 1, made: new Date().toISOString(), revision, ...about }, all(first.value))
  return { revision, values }
}

/** What a backup holds, to be given to a new cluster. @throws Error for values of a newer format */
export function backupSource(keys: Keys, backup: OpenBackup): SeedSource {
  return {
    id: backup.digest,
    total: backup.total,
    *entries() {
      for (const { key, value, revision } of backup.entries())
        yield { key: Buffer.concat([keys.data, key]), value, revision, order: decodeStored(value).order }
    },
  }
}

const attempts = 3
