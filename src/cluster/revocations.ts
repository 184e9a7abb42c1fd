import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { clusterPaths, writeFileWhole } from './cluster-folder.ts'
import type { EtcdClient } from './etcd-client.ts'
import type { RequestOp } from './etcd-messages.ts'
import type { Keys } from './keys.ts'

/** Signs the list of the revoked certificates of an authority, by their serial numbers (hexadecimal): a CRL in DER, the form that every etcd reads. */
export type SignCrl = (serials: readonly string[]) => Promise<Uint8Array>

/** Notes a node's certificate (PEM) in the cluster, so that it can be revoked when the node is evicted. */
export async function noteCertificate(client: EtcdClient, keys: Keys, node: string, certificate: string | Buffer): Promise<void> {
  const { serialNumber, validTo } = new X509Certificate(certificate)
  const value = Buffer.from(JSON.stringify({ validTo: new Date(validTo).toISOString() }))
  await client.put({ key: keys.certificate(node, serialNumber), value }, { deadline: callMilliseconds })
}

/** Revokes every certificate that was noted for a node. @returns how many those are */
export async function revokeCertificates(client: EtcdClient, keys: Keys, node: string): Promise<number> {
  const noted = keys.certificates(node)
  const { kvs } = await client.range(noted, { deadline: callMilliseconds })
  const value = Buffer.from(JSON.stringify({ node }))
  const success = kvs.flatMap(({ key }): RequestOp[] => [
    { requestPut: { key: keys.revoked(key.toString('utf8', noted.key.length)), value } },
    { requestDeleteRange: { key } },
  ])
  if (success.length > 0) await client.txn({ compare: [], success, failure: [] }, { deadline: callMilliseconds })
  return kvs.length
}

/**
 * The file by which this node's etcd member refuses the certificates of evicted nodes, on the ports for members and for nodes. etcd reads it
 * for each new connection; those that are open stay open.
 */
export class RevocationFile {
  readonly path: string
  readonly #sign: SignCrl
  #listed: string | undefined

  private constructor(path: string, sign: SignCrl) {
    this.path = path
    this.#sign = sign
  }

  /** Makes an empty one where there is none: without it etcd takes no connection at all. */
  static async open(folder: string, sign: SignCrl): Promise<RevocationFile> {
    const { revoked } = clusterPaths(folder)
    const file = new RevocationFile(revoked, sign)
    if (!existsSync(revoked)) await file.#write([])
    return file
  }

  /** Writes what the cluster has revoked, if that has changed. */
  async update(client: EtcdClient, keys: Keys): Promise<void> {
    const { key, rangeEnd } = keys.allRevoked
    const { kvs } = await client.range({ key, rangeEnd }, { deadline: callMilliseconds })
    const serials = kvs.map((found) => found.key.toString('utf8', key.length))
    if (serials.join() !== this.#listed) await this.#write(serials)
  }

  async #write(serials: readonly string[]): Promise<void> {
    await writeFileWhole(this.path, await this.#sign(serials), 0o644)
    this.#listed = serials.join()
  }
}

const callMilliseconds = 1000
