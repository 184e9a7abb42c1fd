import { randomBytes } from 'node:crypto'
import type { FencePosition } from './change-transaction.ts'
import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { type KeyValue, revisionOf } from './etcd-messages.ts'

/**
 * Settles what an unanswered transaction would do later.
 *
 * A proposal whose answer was lost may lie in a queue between members and be applied seconds later, so "it is not there" is not "it will
 * never be there", and sending it again blindly could apply it twice. Therefore every transaction compares the revision of a key of this
 * node, the fence. Writing the fence anew gives it a higher revision: from then on, no transaction sent under the old one can be applied.
 * Once the watch has passed the new fence, each earlier change set has either been seen, by its nonce, or certainly never happens.
 * The fence bears the node's name and this process's identity: a node that starts again cuts off what its former life left under way.
 */
export class Fence {
  readonly #client: EtcdClient
  readonly #key: Buffer
  readonly #identity = randomBytes(16)
  #revision: number | undefined

  constructor(client: EtcdClient, key: Buffer) {
    this.#client = client
    this.#key = key
  }

  /** Undefined until it was first raised. */
  get position(): FencePosition | undefined {
    return this.#revision === undefined ? undefined : { key: this.#key, revision: this.#revision }
  }

  /**
   * Moves the fence, asking the preferred member once; false when another process of this node's name holds it. Its first writing takes
   * it over from whoever held it; later ones move it only if it is still this process's, so that a process that was paused and replaced
   * cannot take it back.
   * @throws Error when the outcome is not known. Safe to repeat: a late duplicate moves the fence further, which `adopt` notices.
   */
  async raise(deadline: number): Promise<boolean> {
    const endpoint = this.#client.preferred
    const held = this.#revision
    try {
      const response = await this.#client.txn(
        {
          compare: held === undefined ? [] : [{ result: 'EQUAL', target: 'MOD', key: this.#key, modRevision: held }],
          success: [{ requestPut: { key: this.#key, value: this.#identity } }],
          failure: [{ requestRange: { key: this.#key, limit: 1 } }],
        },
        { deadline, endpoint },
      )
      if (!response.succeeded) return this.adopt(response.responses[0]?.responseRange?.kvs[0])
      this.#revision = Math.max(this.#revision ?? 0, revisionOf(response.header.revision))
      return true
    } catch (error) {
      this.#client.moveOn(endpoint)
      throw new Error(describeFailure(error), { cause: error })
    }
  }

  /** After a transaction was turned away because the fence moved: false when another process of this node's name moved it. */
  adopt(found: KeyValue | undefined): boolean {
    if (found === undefined || !this.#identity.equals(found.value)) return false
    this.#revision = Math.max(this.#revision ?? 0, revisionOf(found.modRevision))
    return true
  }
}
