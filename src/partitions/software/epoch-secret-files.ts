import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Secret } from '../../objects/secret.ts'
import { type DeliveryKey, newDeliveryKey } from '../delivery-key.ts'
import { readKeyFile, readPrivateFile } from '../key-file.ts'

/** Which epoch secret a file holds. */
export interface EpochSecretFile {
  readonly partition: string
  readonly epoch: number
  readonly secretId: string
}

/**
 * The epoch secrets that this node has, as files of their own in a folder of the data folder: outside the store, so that no copy, log or
 * backup of the cluster's data has them. Each is named by its partition, its epoch and its own name. Beside them lies the node's delivery key, by
 * which other nodes send theirs: an old one would open what was delivered to it, so it is destroyed as they are.
 */
export class EpochSecretFiles {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** @throws Error when the file is readable by others, or damaged */
  find(file: EpochSecretFile): Secret | undefined {
    const path = this.path(file)
    return existsSync(path) ? readKeyFile(path) : undefined
  }

  /** Durable when it returns. */
  keep(file: EpochSecretFile, secret: Secret): void {
    this.#write(this.path(file), Buffer.from(secret.expose()).toString('hex'))
  }

  /** All that are here. */
  list(): readonly EpochSecretFile[] {
    if (!existsSync(this.folder)) return []
    return readdirSync(this.folder).flatMap((name) => {
      const [, partition, epoch, secretId] = /^([a-z0-9-]+)\.(\d+)\.([0-9a-f]{16})$/.exec(name) ?? []
      return partition === undefined || secretId === undefined ? [] : [{ partition, epoch: Number(epoch), secretId }]
    })
  }

  /** Its bytes are written over before the file goes: as much as a program can do, on disks that write in place. */
  destroy(file: EpochSecretFile): void {
    this.#destroy(this.path(file))
  }

  /** What a killed process has not finished holds secrets too. For who alone writes here, before it does. */
  destroyDrafts(): void {
    if (!existsSync(this.folder)) return
    for (const name of readdirSync(this.folder)) if (name.endsWith(draftEnding)) this.#destroy(join(this.folder, name))
  }

  /** The node's delivery key; undefined when none was made yet. */
  deliveryKey(): DeliveryKey | undefined {
    const [publicKey, privateKey = ''] = this.#deliveryFields()
    return publicKey === undefined ? undefined : { publicKey, privateKey: new Secret(Buffer.from(privateKey, 'base64url')) }
  }

  /** Of each partition, by its name, the earliest epoch that secrets were delivered of to the delivery key that is there. */
  deliveryKeySince(): ReadonlyMap<string, number> {
    const [, , since = ''] = this.#deliveryFields()
    return new Map(
      since.split(',').flatMap((each) => {
        const [partition = '', epoch] = each.split(':')
        return epoch === undefined ? [] : [[partition, Number(epoch)]]
      }),
    )
  }

  /** Makes a delivery key in place of the one that is there, which is destroyed first. `since`: as `deliveryKeySince` tells it. */
  renewDeliveryKey(since: ReadonlyMap<string, number>): DeliveryKey {
    const key = newDeliveryKey()
    const epochs = [...since].map(([partition, epoch]) => `${partition}:${epoch}`).join(',')
    this.#destroy(this.#deliveryPath)
    this.#write(this.#deliveryPath, `${key.publicKey} ${Buffer.from(key.privateKey.expose()).toString('base64url')} ${epochs}`)
    return key
  }

  #deliveryFields(): readonly string[] {
    if (!existsSync(this.#deliveryPath)) return []
    return Buffer.from(readPrivateFile(this.#deliveryPath).expose()).toString('latin1').trim().split(' ')
  }

  get #deliveryPath(): string {
    return join(this.folder, 'delivery.key')
  }

  path({ partition, epoch, secretId }: EpochSecretFile): string {
    return join(this.folder, `${partition}.${epoch}.${secretId}`)
  }

  #write(path: string, content: string): void {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const draft = `${path}.${randomBytes(6).toString('hex')}${draftEnding}`
    const file = openSync(draft, 'wx', 0o600)
    try {
      writeSync(file, `${content}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
    this.#sync()
  }

  #destroy(path: string): void {
    if (!existsSync(path)) return
    const { size } = statSync(path)
    const file = openSync(path, 'r+')
    try {
      writeSync(file, Buffer.alloc(size))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    rmSync(path)
    this.#sync()
  }

  #sync(): void {
    const folder = openSync(this.folder, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  }
}

const draftEnding = '.draft'
