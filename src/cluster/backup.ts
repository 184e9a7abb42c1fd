import { type BackupHeader, type BackupValue, type OpenBackup, writeBackup } from './backup-file.ts'
import type { EtcdClient } from './etcd-client.ts'
import { revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import type { SeedSource } from './seed.ts'
import { decodeStored } from './stored-value.ts'

export interface BackupTold {
  readonly revision: number
  readonly values: number
}

/**
 * Writes all that a cluster holds, as it is at one revision, into a new file, while the cluster serves.
 * @throws Error when the file is there already, or the cluster does not answer
 */
export async function backUp(
  client: EtcdClient,
  keys: Keys,
  path: string,
  about: Pick<BackupHeader, 'node' | 'secrets'>,
): Promise<BackupTold> {
  const range = { key: keys.data, rangeEnd: keys.dataEnd, limit: pageSize }
  const first = await client.range(range, { deadline: pageMilliseconds })
  const revision = revisionOf(first.header.revision)
  const length = keys.data.length
  async function* pages(): AsyncGenerator<readonly BackupValue[]> {
    let page = first
    for (;;) {
      yield page.kvs.map(({ key, value, modRevision }) => ({ key: key.subarray(length), value, revision: revisionOf(modRevision) }))
      const last = page.kvs.at(-1)?.key
      if (!page.more || last === undefined) return
      page = await client.range({ ...range, key: Buffer.concat([last, Buffer.of(0)]), revision }, { deadline: pageMilliseconds })
    }
  }
  const values = await writeBackup(path, { formatVersion: 1, made: new Date().toISOString(), revision, ...about }, pages())
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

const pageSize = 500
const pageMilliseconds = 10_000
