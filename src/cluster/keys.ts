import type { Place, Space } from '../store/index.ts'

/**
 * Where things lie in etcd, all under one prefix. One watch follows these:
 * - `<prefix>d` kind (1 byte), length of the space (2 bytes), space, identifier: the stored values;
 * - `<prefix>head`: written by every transaction that may change values, so its revision is the revision of the latest change;
 * - `<prefix>fence/<node>`: see `fence.ts`;
 * - `<prefix>mark/<n>`: carries the nonce of a change set that only removes;
 * - `<prefix>time/<node>`: see `clock-watch.ts`. Written all the time, so that a replica stays close to the newest revision while nothing
 *   changes: the watch that is lost then can go on where it was, since that history is not compacted yet.
 * Replicas have no use for the others:
 * - `<prefix>cluster`: what all nodes must hold alike, see `shared-secrets.ts`;
 * - `<prefix>seed`: see `seed.ts`; there only while a cluster is given its first data;
 * - `<prefix>certificate/<node>/<serial>` and `<prefix>revoked/<serial>`: see `revocations.ts`;
 * - `<prefix>node/<node>` and `<prefix>node-format`: see `format-watch.ts`;
 * - `<prefix>turn/<task>/...`: see `single-runner.ts`.
 */
export class Keys {
  readonly prefix: Buffer
  /** The first key after all of the prefix. */
  readonly end: Buffer
  readonly head: Buffer
  readonly #data: Buffer

  constructor(prefix: string = 'tresor/') {
    if (!/^[\x20-\x7d]+$/.test(prefix))
      throw new Error(`cluster prefix ${JSON.stringify(prefix)}: use printable ASCII, at least one character`)
    this.prefix = Buffer.from(prefix)
    this.end = Buffer.from(this.prefix)
    this.end[this.end.length - 1]! += 1
    this.head = Buffer.from(`${prefix}head`)
    this.#data = Buffer.from(`${prefix}d`)
  }

  get data(): Buffer {
    return this.#data
  }

  /** The first key after all stored values. */
  get dataEnd(): Buffer {
    const end = Buffer.from(this.#data)
    end[end.length - 1]! += 1
    return end
  }

  /** The range that the watch follows. */
  get watched(): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    return { key: this.#data, rangeEnd: this.times.rangeEnd }
  }

  get cluster(): Buffer {
    return this.#under('cluster')
  }

  get seed(): Buffer {
    return this.#under('seed')
  }

  node(node: string): Buffer {
    return this.#under(`node/${node}`)
  }

  /** Of all nodes. */
  get nodes(): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    return { key: this.#under('node/'), rangeEnd: this.#under('node0') }
  }

  certificate(node: string, serial: string): Buffer {
    return this.#under(`certificate/${node}/${serial}`)
  }

  /** Of one node. */
  certificates(node: string): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    return { key: this.#under(`certificate/${node}/`), rangeEnd: this.#under(`certificate/${node}0`) }
  }

  revoked(serial: string): Buffer {
    return this.#under(`revoked/${serial}`)
  }

  get allRevoked(): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    return { key: this.#under('revoked/'), rangeEnd: this.#under('revoked0') }
  }

  get format(): Buffer {
    return this.#under('node-format')
  }

  time(node: string): Buffer {
    return this.#under(`time/${node}`)
  }

  /** Of all nodes. */
  get times(): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    return { key: this.#under('time/'), rangeEnd: this.#under('time0') }
  }

  turn(task: string): { readonly holder: Buffer; readonly pulse: Buffer } {
    return { holder: this.#under(`turn/${task}/holder`), pulse: this.#under(`turn/${task}/pulse`) }
  }

  fence(node: string): Buffer {
    return this.#under(`fence/${node}`)
  }

  mark(index: number): Buffer {
    return this.#under(`mark/${index}`)
  }

  #under(name: string): Buffer {
    return Buffer.concat([this.prefix, Buffer.from(name)])
  }

  of(place: Place): Buffer {
    const spaceLength = Buffer.byteLength(place.space)
    const key = Buffer.allocUnsafe(this.#data.length + 3 + spaceLength + Buffer.byteLength(place.id))
    let offset = this.#data.copy(key)
    key[offset++] = kindBytes[place.kind]
    offset = key.writeUInt16BE(spaceLength, offset)
    offset += key.write(place.space, offset)
    key.write(place.id, offset)
    return key
  }

  /** The place of a key, undefined for a key that holds no stored value. */
  placeOf(key: Buffer): Place | undefined {
    const length = this.#data.length
    if (key.length < length + 3 || key.compare(this.#data, 0, length, 0, length) !== 0) return undefined
    const kind = kindsByByte.get(key[length]!)
    if (kind === undefined) return undefined
    const start = length + 3
    const spaceEnd = start + key.readUInt16BE(length + 1)
    if (spaceEnd > key.length) return undefined
    // A space in a stored key was made by `store/spaces.ts` before it was written.
    return { kind, space: key.toString('utf8', start, spaceEnd) as Space, id: key.toString('utf8', spaceEnd) }
  }
}

const kindBytes: Readonly<Record<Place['kind'], number>> = { object: 0x6f, setting: 0x73, unique: 0x75 }
const kindsByByte: ReadonlyMap<number, Place['kind']> = new Map(
  Object.entries(kindBytes).map(([kind, byte]) => [byte, kind as Place['kind']]),
)
