import { KmipError } from '../spec/kmip-error.ts'
import type { Config } from './config.ts'
import type { DataFolder } from './node-files.ts'
import type { NodeRoot } from './node-root.ts'
import {
  EpochSecretFiles,
  type HsmConnection,
  openPkcs11Partition,
  openSoftwarePartition,
  type Partition,
  ReopeningPartition,
} from './partitions/index.ts'
import { epochSecretsOf, type PartitionDefinition, type PartitionOpener, type Pkcs11PartitionDefinition } from './tenants/index.ts'

/** Opens partitions of every kind: those in HSMs through the node's hsm process, where there is one. */
export function openerOf(config: Config, folder: DataFolder, root: NodeRoot, hsm: HsmConnection | undefined): PartitionOpener {
  const files = new EpochSecretFiles(folder.epochSecrets)
  return async (definition, before): Promise<Partition> => {
    if (definition.kind === 'software') {
      const rootSecret = await root.secret()
      try {
        const ring = Buffer.from(definition.ring, 'base64')
        const epochSecretOf = epochSecretsOf(files, definition)
        return openSoftwarePartition({ name: definition.name, rootSecret, ring, epochSecretOf, rootSecretSource: root.description }, before)
      } finally {
        rootSecret.wipe()
      }
    }
    if (hsm !== undefined) return awaitRemote(hsm.partition(definition.name, definition.epoch))
    const options = placed(config, definition)
    if (!(before instanceof ReopeningPartition && before.isOf(options))) return openPkcs11Partition(options)
    if (options.epoch !== undefined) await before.atEpoch(options.epoch)
    return before
  }
}

/** The definition, with the paths and the token of this node. */
export function placed(config: Config, definition: Pkcs11PartitionDefinition): Parameters<typeof openPkcs11Partition>[0] {
  const { name, epoch } = definition
  const here = config.partitions[name]
  // Another token has another serial number.
  const serial = here?.serial ?? (here?.token === undefined ? definition.serial : undefined)
  const parameters = here?.parameters ?? definition.parameters
  return {
    name,
    module: here?.module ?? definition.module,
    token: here?.token ?? definition.token,
    pinFile: here?.pinFile ?? definition.pinFile,
    ...(serial === undefined ? {} : { serial }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(here?.streams === undefined ? {} : { streams: here.streams }),
  }
}

/** @throws Error when this node would start a partition's module with other parameters than for one that it has: it starts a module once. */
export function checkStart(config: Config, known: Iterable<PartitionDefinition>, added: Pkcs11PartitionDefinition): void {
  const { module, parameters } = placed(config, added)
  for (const definition of known) {
    if (definition.kind !== 'pkcs11') continue
    const other = placed(config, definition)
    if (other.module !== module || other.parameters === parameters) continue
    const which = other.parameters === undefined ? 'without parameters' : `with ${other.parameters}`
    throw new Error(
      `this node starts ${module} ${which} for partition ${other.name}, and starts a module once. Give both the same parameters, which name all of their tokens: --module-parameters, and partitions.${other.name}.parameters in tresor.yaml`,
    )
  }
}

/** A partition that was just defined reaches the hsm process a moment later than the workers. */
async function awaitRemote(partition: Partition): Promise<Partition> {
  for (let attempt = 1; ; attempt++) {
    try {
      await partition.describe()
      return partition
    } catch (error) {
      // What its token lacks comes from another node's, and not in a moment.
      const isOfToken = error instanceof KmipError && error.retry === 'another-node'
      if (isOfToken || attempt === remoteAttempts) throw error
      await new Promise((resolve) => setTimeout(resolve, remotePause))
    }
  }
}

const remoteAttempts = 40
/** Milliseconds. */
const remotePause = 250
