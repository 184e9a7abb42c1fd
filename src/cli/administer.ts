import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { issueClient, loadAuthority } from '../../certs/index.ts'
import { type AdministeredCluster, type AdministeredNode, type AdminServer, adminMethods, adminSocket, serveAdmin } from '../admin/index.ts'
import { type ClusterNode, invite } from '../cluster/index.ts'
import { fingerprintsForBackup } from '../join-secrets.ts'
import type { RunningNode } from '../main.ts'
import { ObjectStore } from '../operations/object-store.ts'
import { checkStart } from '../partition-opener.ts'
import { connectHsm, type HsmConnection, hasRoot } from '../partitions/index.ts'
import { damagedObject, type GiveUpParts, giveUp } from '../server/give-up.ts'
import { ObjectCache } from '../server/object-cache.ts'
import { Records } from '../server/object-records.ts'
import { formatOf, systemSpace, tenantSpace } from '../store/index.ts'
import { HoldingsBoard, OpenPartitions, type TenantId } from '../tenants/index.ts'
import { addressText } from './place.ts'
import { tellHoldings } from './tell-holdings.ts'
import { version } from './version.ts'

/** Opens the admin API of a running node on its data folder's socket. */
export async function administer(node: RunningNode): Promise<AdminServer> {
  const { node: administered, close } = administeredNode(node)
  const server = await serveAdmin({
    socketPath: join(node.folder.root, adminSocket),
    methods: adminMethods(administered),
    onError: (method, error) => node.log.verbose('an admin call was refused', { method, error: error.message }),
  })
  return {
    close: async () => {
      await server.close()
      await close()
    },
  }
}

function administeredNode(node: RunningNode): { readonly node: AdministeredNode; close(): Promise<void> } {
  const { config, folder, registry, processes, ledger, replica } = node
  // PINs belong to the hsm process alone, where there is one.
  const hsm = config.workers === 0 ? undefined : connectHsm(join(folder.run, 'hsm.sock'))
  const partitions = new OpenPartitions(
    registry.settings,
    async (definition) =>
      definition.kind === 'pkcs11' && hsm !== undefined ? hsm.partition(definition.name, definition.epoch) : node.openPartition(definition),
    tenantSpace,
  )
  const board = new HoldingsBoard(ledger, replica, systemSpace)
  const endTelling = tellHoldings(node, board, (name) => partitions.open(name))
  const cache = new ObjectCache()
  const givingUp = (tenant: TenantId): GiveUpParts => ({
    ledger,
    replica,
    context: () => partitions.contextOf({ tenant }),
    now: () => new Date(),
  })
  const addresses = (name: 'kmip' | 'https') =>
    config.listen[name].map((address, index) =>
      addressText({ host: address.host, port: processes.ports[index === 0 ? name : `${name}${index + 1}`] ?? address.port }),
    )
  return {
    node: {
      registry,
      status: async () => {
        return {
          version,
          pid: process.pid,
          kmip: addresses('kmip'),
          https: addresses('https'),
          operator:
            processes.operatorPort === undefined ? undefined : addressText({ host: config.operator.host, port: processes.operatorPort }),
          processes: { ...processes.pids(), ...(node.cluster?.member?.pid !== undefined && { etcd: node.cluster.member.pid }) },
          problems: node.problems(),
        }
      },
      newSoftwarePartition: async (name) => {
        if (!hasRoot(node.root.source))
          throw new Error(
            `this node has no root secret for software partitions (${node.root.description}); keep the tenant's keys in an HSM: tresor partition add, then tresor tenant add NAME --partition P`,
          )
        return await node.epochs.newPartition(name)
      },
      root: node.root.source,
      holdings: () => board.read(),
      partition: (name) => partitions.open(name),
      checkStart: (added) => {
        const known = [...registry.settings.view().partitions.values()].map(({ value }) => value)
        checkStart(config, known, added)
      },
      takePartition: async (name) => {
        await tellHsm(node)
        if (hsm === undefined) return void (await partitions.open(name))
        if ((await problemOf(hsm, name)) === undefined) return
        // A module that is loaded may not see a token that was made since; one that is loaded anew does.
        await processes.restartHsm()
        const problem = await problemOf(hsm, name)
        if (problem !== undefined) throw new Error(`the node cannot open partition ${name}, though this command could: ${problem}`)
      },
      turnPartition: (name) => node.epochs.turn(name),
      moveTenant: (tenant, to) => node.epochs.move(tenant, to),
      turnProgress: (name) => node.epochs.progress.read(name),
      removePartition: async (name) => {
        await node.epochs.removePartition(name)
        await tellHsm(node)
      },
      objects: async (tenant) => {
        await ledger.barrier()
        if (!registry.settings.view().tenants.has(tenant)) throw new Error(`tenant ${tenant} does not exist`)
        const { guard, wrapping, partition: opened } = partitions.contextOf({ tenant })
        const partition = await opened()
        const records = new Records({
          tenant,
          space: tenantSpace(tenant),
          guard,
          wrapping,
          partition,
          replica,
          cache,
          format: formatOf(ledger),
        })
        return new ObjectStore(records, Date.now())
      },
      damage: async (tenant, id) => (await damagedObject(givingUp(tenant), id)).problem,
      giveUp: async (tenant, id) => {
        const { problem } = await giveUp(givingUp(tenant), id)
        node.log.warn('a damaged object was given up by the operator: it is destroyed', { tenant, id, problem })
        return problem
      },
      certify: async ({ tenant, user, publicKey, csr, days }) => {
        const authority = await loadAuthority(folder.authority).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error
          throw new Error(
            `this node has no authority of its own (${folder.authority}): clients get their certificates from yours; add a rule for it: tresor rule add`,
          )
        })
        const issued = await issueClient(authority, {
          tenant,
          user,
          ...(publicKey === undefined ? {} : { publicKey }),
          ...(csr === undefined ? {} : { csr }),
          ...(days === undefined ? {} : { days }),
        })
        // A server certificate of another authority carries that one, where its file holds a chain.
        const serverAuthority =
          config.tls.certificate === undefined ? issued.authority : lastOf(readFileSync(config.tls.certificate, 'utf8'))
        return { certificate: issued.certificate, authority: issued.authority, serverAuthority }
      },
      reload: () => processes.reload(),
      cluster: node.cluster === undefined ? undefined : administeredCluster(node, node.cluster),
    },
    close: async () => {
      endTelling()
      await partitions.close()
      await hsm?.close()
    },
  }
}

async function tellHsm({ registry, processes }: RunningNode): Promise<void> {
  await processes.setHsm((await registry.listPartitions()).filter(({ kind }) => kind === 'pkcs11'))
}

/** Why the hsm process does not have a partition; undefined when it does. It opens what it was told of a moment later. */
async function problemOf(hsm: HsmConnection, name: string): Promise<string | undefined> {
  let problem: string | undefined
  for (let attempt = 0; attempt < hsmAttempts; attempt++) {
    problem = await hsm
      .partition(name)
      .describe()
      .then(() => undefined)
      .catch((error: Error) => error.message)
    if (problem === undefined) return undefined
    await new Promise((resolve) => setTimeout(resolve, hsmPause))
  }
  return problem
}

const hsmAttempts = 10
/** Milliseconds. */
const hsmPause = 150

function administeredCluster({ config, folder, root, epochs }: RunningNode, cluster: ClusterNode): AdministeredCluster {
  return {
    node: cluster.name,
    state: () => cluster.state(),
    invite: async ({ uses, minutes }) => {
      const { join: endpoint } = config.cluster ?? {}
      if (endpoint === undefined)
        throw new Error('this node lets none join: set cluster.join to HOST:PORT in its configuration, and restart it')
      const port = cluster.joinListener?.address.port ?? endpoint.port
      return await invite(folder.cluster, {
        endpoint: addressText({ host: endpoint.host, port }),
        ...(uses === undefined ? {} : { uses }),
        ...(minutes === undefined ? {} : { minutes }),
      })
    },
    evict: async (wanted) => {
      const member = await cluster.evict(wanted)
      // No secret is sent to it any more.
      await epochs.board.remove(member.name)
      return member
    },
    backUp: async (path) => cluster.backUp(path, await fingerprintsForBackup(folder, root)),
  }
}

/** The last certificate of a PEM file: a chain's uppermost. */
function lastOf(pem: string): string {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g)?.at(-1) ?? pem
}
