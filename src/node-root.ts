import type { Config } from './config.ts'
import { Secret } from './objects/secret.ts'
import { describeRoot, hasRoot, type RootSource, readRoot, rootFingerprint } from './partitions/index.ts'
import { unsealInChild } from './unseal-process.ts'

/** The root secret in a process that has software partitions. */
export class NodeRoot {
  readonly #source: RootSource
  readonly #held: Secret | undefined

  private constructor(source: RootSource, held: Secret | undefined) {
    this.#source = source
    this.#held = held
  }

  /**
   * Fetches the secret once, at the node's start, for what cannot be asked again and again. A key file is read whenever it is needed: one
   * that is put right needs no restart, and a node without software partitions none at all.
   * @throws Error as `readRoot` does
   */
  static async open(source: RootSource, config: Config): Promise<NodeRoot> {
    if (source.kind === 'keyFile') return new NodeRoot(source, undefined)
    // Modules and PINs stay out of the process that has the ledger.
    if (source.kind === 'pkcs11' && config.workers > 0) return new NodeRoot(source, await unsealInChild(config))
    return new NodeRoot(source, await readRoot(source))
  }

  /** In a child of the node that opened it: with what `toChild` gave. */
  static inChild(source: RootSource, given: string | undefined): NodeRoot {
    return new NodeRoot(source, given === undefined ? undefined : new Secret(Buffer.from(given, 'base64')))
  }

  /** For the processes that have software partitions, and no others; base64. */
  toChild(): string | undefined {
    return this.#held === undefined ? undefined : Buffer.from(this.#held.expose()).toString('base64')
  }

  get description(): string {
    return describeRoot(this.#source)
  }

  get source(): RootSource {
    return this.#source
  }

  /** As every node of a cluster has it; undefined when there is no root secret here. */
  async fingerprint(): Promise<string | undefined> {
    if (!hasRoot(this.#source)) return undefined
    const secret = await this.secret()
    const fingerprint = rootFingerprint(secret)
    secret.wipe()
    return fingerprint
  }

  /** A copy, which the caller wipes. @throws Error that names what is missing */
  async secret(): Promise<Secret> {
    return this.#held === undefined ? await readRoot(this.#source) : new Secret(Buffer.from(this.#held.expose()))
  }
}
