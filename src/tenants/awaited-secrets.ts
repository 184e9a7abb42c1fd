import { type EpochSecretFiles, ringSecrets } from '../partitions/index.ts'
import { epochSecretsOf } from './epoch-secrets.ts'
import type { Settings, SoftwarePartitionDefinition } from './settings.ts'

export interface AwaitedSecretsOptions {
  readonly files: EpochSecretFiles
  readonly settings: Settings
  /** Milliseconds that a secret is waited for; a minute unless told. */
  readonly patience?: number
}

/**
 * The epoch secrets that a node of a cluster has not been sent yet: who has just joined, or was away, sees definitions that it cannot open for
 * some seconds, and clients do better elsewhere meanwhile. One that does not come is nothing to wait for: the other partitions are served then,
 * and this one is told of like any that cannot be opened.
 */
export class AwaitedSecrets {
  readonly #options: AwaitedSecretsOptions
  /** The settings for which nothing was lacking. */
  #wholeAt: number | undefined
  /** Since when each is lacking, by `performance.now()`. */
  #since: ReadonlyMap<string, number> = new Map()

  constructor(options: AwaitedSecretsOptions) {
    this.#options = options
  }

  /** Sentences, one for each partition that waits. */
  problems(): readonly string[] {
    const { settings, patience = usualPatience } = this.#options
    const { generation, partitions } = settings.view()
    if (generation === this.#wholeAt) return []
    const now = performance.now()
    const lacking = new Map<string, number>()
    const waiting: string[] = []
    for (const { value } of partitions.values()) {
      if (value.kind !== 'software') continue
      const ids = this.#lackingOf(value)
      for (const [, id] of ids) lacking.set(id, this.#since.get(id) ?? now)
      const epochs = ids.filter(([, id]) => now - (lacking.get(id) ?? now) < patience).map(([epoch]) => epoch)
      if (epochs.length > 0)
        waiting.push(
          `partition ${value.name} cannot be opened yet: the secret of its epoch ${epochs.join(' and ')} has not come to this node; another node sends it within seconds`,
        )
    }
    this.#since = lacking
    this.#wholeAt = lacking.size === 0 ? generation : undefined
    return waiting
  }

  #lackingOf(definition: SoftwarePartitionDefinition): readonly (readonly [epoch: number, id: string])[] {
    const find = epochSecretsOf(this.#options.files, definition)
    try {
      return [...ringSecrets(Buffer.from(definition.ring, 'base64'), definition.name)].filter(
        ([epoch, id]) => find(epoch, id) === undefined,
      )
    } catch {
      // Of a file or a ring that cannot be read, which is not waited for, opening the partition tells.
      return []
    }
  }
}

const usualPatience = 60_000
