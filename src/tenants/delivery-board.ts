import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Secret } from '../objects/secret.ts'
import type { Ledger, Replica, Space } from '../store/ledger.ts'
import { Notes } from './notes.ts'

/** What a node lets the others know, so that they can send it secrets. */
export interface DeliveryNotice {
  readonly node: string
  /** The public half of its delivery key. */
  readonly key: string
  /** Epoch secrets that it lacks, each as partition, epoch and name. */
  readonly wants: readonly (readonly [partition: string, epoch: number, secretId: string])[]
}

/**
 * The nodes' delivery keys, as settings that every node sees. A notice bears a MAC by a key from the root secret: who can write to the store
 * alone cannot have secrets sent to a key of their own.
 */
export class DeliveryBoard {
  readonly #notes: Notes

  constructor(ledger: Ledger, replica: Replica, systemSpace: Space) {
    this.#notes = new Notes(ledger, replica, systemSpace, 'delivery/')
  }

  /** Notices of all nodes that have the same root secret. */
  read(rootSecret: Secret): readonly DeliveryNotice[] {
    return [...this.#notes.all()].flatMap(([node, value]) => {
      const end = value.length - macLength
      const text = value.subarray(0, Math.max(end, 0))
      if (end <= 0 || !timingSafeEqual(macOf(text, rootSecret), value.subarray(end))) return []
      const notice = JSON.parse(Buffer.from(text).toString('utf8')) as DeliveryNotice
      return node === notice.node ? [notice] : []
    })
  }

  async write(notice: DeliveryNotice, rootSecret: Secret): Promise<void> {
    const text = Buffer.from(JSON.stringify(notice))
    await this.#notes.write(notice.node, Buffer.concat([text, macOf(text, rootSecret)]))
  }

  /** Of a node that was removed for good: nothing more is sent to it. */
  async remove(node: string): Promise<void> {
    await this.#notes.write(node, undefined)
  }
}

const macLength = 32

function macOf(text: Uint8Array, rootSecret: Secret): Buffer {
  const key = Buffer.from(hkdfSync('sha256', rootSecret.expose(), Buffer.alloc(0), 'tresor delivery notice', 32))
  return createHmac('sha256', key).update(text).digest()
}
