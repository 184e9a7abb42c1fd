import type { Config } from './config.ts'
import type { NodeRoot } from './node-root.ts'
import { type HsmConnection, openPkcs11Partition, openSoftwarePartition, type Partition } from './partitions/index.ts'
import type { PartitionDefinition, PartitionOpener, Pkcs11PartitionDefinition } from './tenants/index.ts'

/** Opens partitions of every kind: those in HSMs through the node's hsm process, where there is one. */
export function openerOf(config: Config, root: NodeRoot, hsm: HsmConnection | undefined): PartitionOpener {
  return async (definition: PartitionDefinition): Promise<Partition> => {
    if (definition.kind === 'software') {
      const rootSecret = await root.secret()
      try {
        const ring = Buffer.from(definition.ring, 'base64')
        return openSoftwarePartition({ name: definition.name, rootSecret, ring, rootSecretSource: root.description })
      } finally {
        rootSecret.wipe()
      }
    }
    return hsm === undefined ? openPkcs11Partition(placed(config, definition)) : awaitRemote(hsm.partition(definition.name))
  }
}

/** The definition, with the paths that hold on this node. */
export function placed(config: Config, definition: Pkcs11PartitionDefinition): Parameters<typeof openPkcs11Partition>[0] {
  const { name, module, token, serial, pinFile } = definition
  const here = config.partitions[name]
  return { name, module: here?.module ?? module, token, pinFile: here?.pinFile ?? pinFile, ...(serial === undefined ? {} : { serial }) }
}

/** A partition that was just defined reaches the hsm process a moment later than the workers. */
async function awaitRemote(partition: Partition): Promise<Partition> {
  for (let attempt = 1; ; attempt++) {
    try {
      await partition.describe()
      return partition
    } catch (error) {
      if (attempt === remoteAttempts) throw error
      await new Promise((resolve) => setTimeout(resolve, remotePause))
    }
  }
}

const remoteAttempts = 40
/** Milliseconds. */
const remotePause = 250
