import type { Secret } from '../objects/secret.ts'
import {
  deliver,
  type EpochSecretFile,
  type EpochSecretFiles,
  type EpochSecretOf,
  epochSecretId,
  newEpochSecret,
  receive,
  ringSecrets,
} from '../partitions/index.ts'
import type { DeliveryBoard, DeliveryNotice } from './delivery-board.ts'
import type { GivenUpSecrets } from './given-up-secrets.ts'
import type { EpochDelivery, Settings, SoftwarePartitionDefinition } from './settings.ts'

/** Finds the epoch secrets of a partition on this node: in their files, or delivered to it by another node with the definition. */
export function epochSecretsOf(files: EpochSecretFiles, { name, deliveries = [] }: SoftwarePartitionDefinition): EpochSecretOf {
  return (epoch, secretId) => {
    const kept = files.find({ partition: name, epoch, secretId })
    if (kept !== undefined) return kept
    const own = files.deliveryKey()
    const delivery = deliveries.find((one) => one.secretId === secretId && one.key === own?.publicKey)
    return own === undefined || delivery === undefined
      ? undefined
      : receive(own, purpose(name, secretId), Buffer.from(delivery.sealed, 'base64'))
  }
}

export interface EpochSecretsParts {
  readonly files: EpochSecretFiles
  readonly settings: Settings
  readonly board: DeliveryBoard
  /** Of partitions that were removed. */
  readonly givenUp: GivenUpSecrets
  /** This node's name; undefined for one that stands alone, which sends and is sent nothing. */
  readonly node: string | undefined
  /** A copy, which the caller wipes; undefined where this node has no root secret. */
  readonly root: () => Promise<Secret | undefined>
  readonly log: (message: string) => void
}

/** A new epoch secret of a partition, durable on this node and sealed for the others. */
export interface NewEpochSecret {
  readonly secret: Secret
  readonly deliveries: readonly EpochDelivery[]
}

/**
 * Keeps this node's epoch secrets as the definitions want them: takes in what other nodes delivered, sends what they want, and destroys those
 * of epochs that are over. The secrets travel with the definition that needs them, so a node can open it as soon as it sees it.
 */
export class EpochSecrets {
  readonly #parts: EpochSecretsParts
  #looking: Promise<void> | undefined

  /** One for each data folder: it alone writes its epoch secrets. */
  constructor(parts: EpochSecretsParts) {
    this.#parts = parts
    parts.files.destroyDrafts()
  }

  async make(partition: string, epoch: number): Promise<NewEpochSecret> {
    const secret = newEpochSecret()
    const id = epochSecretId(secret)
    this.#parts.files.keep({ partition, epoch, secretId: id }, secret)
    const others = (await this.#notices()).filter(({ node }) => node !== this.#parts.node)
    return { secret, deliveries: others.map(({ key }) => sealedFor(key, partition, id, secret)) }
  }

  /**
   * Before a partition is removed: its secrets are destroyed on every node once no definition needs them any more, on one that is off
   * when it is back.
   */
  async giveUp({ name, ring }: SoftwarePartitionDefinition): Promise<void> {
    const { files, settings, givenUp } = this.#parts
    const here = files.list().flatMap(({ partition, secretId }) => (partition === name ? [secretId] : []))
    const all = [...ringSecrets(Buffer.from(ring, 'base64'), name).values(), ...here]
    await givenUp.add(name, all)
    await settings.current()
    if (!all.every((id) => givenUp.of(name).includes(id)))
      throw new Error(`it is not known whether it was noted that the secrets of partition ${name} are over; try again`)
  }

  /** Does what there is to do. Calls while one is under way share it. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#looking?.catch(() => undefined)
  }

  async #look(): Promise<void> {
    const { files, settings, node } = this.#parts
    // Listed before the barrier: what is made after it may belong to a definition that this view does not have yet.
    const listed = files.list()
    const view = await settings.current()
    const definitions = [...view.partitions.values()].flatMap(({ value }) => (value.kind === 'software' ? [value] : []))
    if (node !== undefined) await this.#exchange(node, definitions)
    this.#destroyOver(listed, definitions)
    if (node !== undefined && this.#opensWhatIsOver(definitions)) {
      files.renewDeliveryKey(this.#standing(definitions))
      await this.#exchange(node, definitions)
    }
  }

  /**
   * Whether old copies of the store may have secrets of epochs that are over, sealed for the delivery key that is here: whether or not they
   * came to this node meanwhile.
   */
  #opensWhatIsOver(definitions: readonly SoftwarePartitionDefinition[]): boolean {
    const { files } = this.#parts
    const since = files.deliveryKeySince()
    if (files.deliveryKey() === undefined) return false
    return [...this.#standing(definitions)].some(([name, count]) => count > (since.get(name) ?? (name.startsWith(removed) ? 0 : 1)))
  }

  /** What a new delivery key opens nothing of: by a partition's name the epochs before this one, and so many secrets of partitions of the name that were removed. */
  #standing(definitions: readonly SoftwarePartitionDefinition[]): ReadonlyMap<string, number> {
    const over = [...this.#givenUp(definitions)].map(([name, ids]) => [`${removed}${name}`, ids.length] as const)
    return new Map([...earliestEpochs(definitions), ...over])
  }

  /** The secrets of removed partitions, by their names. */
  #givenUp(definitions: readonly SoftwarePartitionDefinition[]): ReadonlyMap<string, readonly string[]> {
    const inUse = new Set(definitions.flatMap(({ name, ring }) => [...ringSecrets(Buffer.from(ring, 'base64'), name).values()]))
    return new Map([...this.#parts.givenUp.all()].map(([name, ids]) => [name, ids.filter((id) => !inUse.has(id))]))
  }

  async #exchange(node: string, definitions: readonly SoftwarePartitionDefinition[]): Promise<void> {
    const { files, board, root } = this.#parts
    const rootSecret = await root()
    if (rootSecret === undefined) return
    try {
      const { publicKey } = files.deliveryKey() ?? files.renewDeliveryKey(this.#standing(definitions))
      const wants = definitions.flatMap((definition) => this.#takeIn(definition))
      const notices = board.read(rootSecret)
      const own = notices.find((notice) => notice.node === node)
      if (own?.key !== publicKey || JSON.stringify(own.wants) !== JSON.stringify(wants))
        await board.write({ node, key: publicKey, wants }, rootSecret)
      await this.#send(notices.filter((notice) => notice.node !== node && notice.wants.length > 0))
    } finally {
      rootSecret.wipe()
    }
  }

  /** @returns what is still missing */
  #takeIn(definition: SoftwarePartitionDefinition): DeliveryNotice['wants'] {
    const { files, log } = this.#parts
    const { name } = definition
    const find = epochSecretsOf(files, definition)
    return [...ringSecrets(Buffer.from(definition.ring, 'base64'), name)].flatMap(([epoch, id]): DeliveryNotice['wants'] => {
      const secret = find(epoch, id)
      const file = { partition: name, epoch, secretId: id }
      if (secret === undefined) return [[name, epoch, id]]
      if (files.find(file) === undefined) {
        files.keep(file, secret)
        log(`the secret of epoch ${epoch} of partition ${name} came from another node`)
      }
      return []
    })
  }

  async #send(wanting: readonly DeliveryNotice[]): Promise<void> {
    const { files, settings } = this.#parts
    for (const { key, wants } of wanting) {
      for (const [partition, epoch, id] of wants) {
        const secret = files.find({ partition, epoch, secretId: id })
        const view = settings.view()
        const entry = view.partitions.get(partition)
        if (secret === undefined || entry?.value.kind !== 'software') continue
        const { deliveries = [] } = entry.value
        if (deliveries.some((one) => one.secretId === id && one.key === key)) continue
        const value = { ...entry.value, deliveries: [...deliveries, sealedFor(key, partition, id, secret)] }
        // Of several nodes that send the same at once one succeeds; the next look finds what is still wanted.
        await settings.commit(view, [{ kind: 'partition', id: partition, value, revision: entry.revision }])
      }
    }
  }

  /**
   * What was given up with its partition, and what is of an epoch that is over. Nothing of a partition is destroyed whose ring needs a secret that is not here: its definition may be an old one, of a store that was put
   * back. For the same reason nothing of a later epoch is; and the secret of the next epoch is here before its ring.
   */
  #destroyOver(listed: readonly EpochSecretFile[], definitions: readonly SoftwarePartitionDefinition[]): void {
    const { files, log } = this.#parts
    const givenUp = this.#givenUp(definitions)
    for (const file of listed) {
      if (givenUp.get(file.partition)?.includes(file.secretId) !== true) continue
      files.destroy(file)
      log(`partition ${file.partition} was removed: the secret of its epoch ${file.epoch} was destroyed`)
    }
    for (const { name, ring, epoch = 1 } of definitions) {
      const needed = [...ringSecrets(Buffer.from(ring, 'base64'), name)]
      const isWhole = needed.every(([one, secretId]) => files.find({ partition: name, epoch: one, secretId }) !== undefined)
      const over = listed.filter((file) => file.partition === name && file.epoch <= epoch && !needed.some(([, id]) => id === file.secretId))
      for (const file of isWhole ? over : []) {
        files.destroy(file)
        log(`partition ${name}: a secret of epoch ${file.epoch}, which is over, was destroyed`)
      }
    }
  }

  async #notices(): Promise<readonly DeliveryNotice[]> {
    const { board, root, node, settings } = this.#parts
    const rootSecret = node === undefined ? undefined : await root()
    if (rootSecret === undefined) return []
    // A node that was told to be ready has written its notice.
    await settings.current()
    try {
      return board.read(rootSecret)
    } finally {
      rootSecret.wipe()
    }
  }
}

/** No partition's name begins so. */
const removed = 'removed/'

/** By a partition's name, the earliest epoch that its ring has a secret of; rings from before there were any have none. */
function earliestEpochs(definitions: readonly SoftwarePartitionDefinition[]): ReadonlyMap<string, number> {
  const earliest = new Map<string, number>()
  for (const { name, ring } of definitions) {
    const [first] = [...ringSecrets(Buffer.from(ring, 'base64'), name).keys()].sort((a, b) => a - b)
    if (first !== undefined) earliest.set(name, first)
  }
  return earliest
}

/** Deliveries of the secrets that a ring still needs. */
export function neededDeliveries({ name, ring, deliveries = [] }: SoftwarePartitionDefinition): readonly EpochDelivery[] {
  const needed = [...ringSecrets(Buffer.from(ring, 'base64'), name).values()]
  return deliveries.filter(({ secretId }) => needed.includes(secretId))
}

function sealedFor(key: string, partition: string, secretId: string, secret: Secret): EpochDelivery {
  return { secretId, key, sealed: Buffer.from(deliver(key, purpose(partition, secretId), secret)).toString('base64') }
}

function purpose(partition: string, secretId: string): string {
  return `epoch secret ${secretId} of partition ${partition}`
}
