import { createHash, randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/*
 * A backup: what a cluster held at one revision. Values are as etcd has them: attributes, and keys wrapped by their tenant's partition.
 * All numbers are big-endian; a revision and a count are IEEE 754 doubles.
 *
 *   magic             "tresor cluster backup\n"
 *   header            length (4), JSON: BackupHeader
 *   each value        length of its key (2, never 0), revision (8), key without the cluster's prefix, length of the value (4), value
 *   end               0 (2), number of values (8), SHA-256 of everything before the digest (32)
 */

export interface BackupHeader {
  readonly formatVersion: 1
  /** ISO 8601. */
  readonly made: string
  /** The node that wrote it. */
  readonly node: string
  /** Of the cluster: everything that was changed up to it is in the backup, and nothing later. */
  readonly revision: number
  /** Fingerprints of what a node must hold beside it to use the keys, by the file's name in the data folder. */
  readonly secrets: Readonly<Record<string, string>>
}

export interface BackupValue {
  /** Kind, space and identifier, as in `Keys`. */
  readonly key: Buffer
  readonly value: Buffer
  readonly revision: number
}

/**
 * Writes a backup (mode 0600) that is there whole or not at all, durable when this resolves.
 * @returns the number of values
 * @throws Error when the file is there already
 */
export async function writeBackup(path: string, header: BackupHeader, values: AsyncIterable<readonly BackupValue[]>): Promise<number> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    let count: number
    try {
      count = await writeAll(file, header, values)
    } finally {
      await file.close()
    }
    // Unlike a rename, a link does not replace what is there.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      throw new Error(`${path} is there already, and a backup replaces nothing; name another file`)
    })
    await syncFolder(dirname(path))
    return count
  } finally {
    await rm(draft, { force: true })
  }
}

async function writeAll(file: FileHandle, header: BackupHeader, values: AsyncIterable<readonly BackupValue[]>): Promise<number> {
  const hash = createHash('sha256')
  const write = async (bytes: Buffer) => {
    hash.update(bytes)
    await file.writeFile(bytes)
  }
  const text = Buffer.from(JSON.stringify(header))
  await write(Buffer.concat([magic, uint32(text.length), text]))
  let count = 0
  for await (const page of values) {
    await write(Buffer.concat(page.flatMap(framed)))
    count += page.length
  }
  await write(Buffer.concat([uint16(0), double(count)]))
  await file.writeFile(hash.digest())
  await file.sync()
  return count
}

function framed({ key, value, revision }: BackupValue): Buffer[] {
  return [uint16(key.length), double(revision), key, uint32(value.length), value]
}

/** A backup that was read whole once: nothing of it is missing or altered. */
export interface OpenBackup {
  readonly header: BackupHeader
  /** Hexadecimal SHA-256 that stands at its end. */
  readonly digest: string
  readonly total: number
  /** In the order of their revisions. */
  entries(): Iterable<BackupValue>
  close(): void
}

/** @throws Error naming the file, when it is no backup, of a newer format, incomplete or altered */
export function openBackup(path: string): OpenBackup {
  const source = openSync(path, 'r')
  try {
    const file = new Scanner(source)
    if (!file.take(magic.length).equals(magic)) throw new Error('it does not begin as a backup of a Tresor cluster does')
    const header = JSON.parse(file.take(file.take(4).readUInt32BE()).toString()) as BackupHeader
    if (header.formatVersion !== 1)
      throw new Error(`it has format ${String(header.formatVersion)}; this Tresor knows format 1: restore it with a newer one`)
    const places: { readonly at: number; readonly revision: number }[] = []
    for (;;) {
      const at = file.offset
      const keyLength = file.take(2).readUInt16BE()
      if (keyLength === 0) break
      places.push({ at, revision: file.take(8).readDoubleBE() })
      file.take(keyLength)
      file.take(file.take(4).readUInt32BE())
    }
    const count = file.take(8).readDoubleBE()
    const digest = file.digest()
    if (!digest.equals(file.take(digest.length))) throw new Error('its digest does not fit: it was altered, or damaged')
    if (count !== places.length || file.offset !== fstatSync(source).size) throw new Error('it holds more or less than it says')
    places.sort((one, other) => one.revision - other.revision || one.at - other.at)
    return {
      header,
      digest: digest.toString('hex'),
      total: places.length,
      *entries() {
        for (const { at, revision } of places) yield { ...valueAt(source, at), revision }
      },
      close: () => closeSync(source),
    }
  } catch (error) {
    closeSync(source)
    throw new Error(`${path} cannot be restored: ${(error as Error).message}`, { cause: error })
  }
}

function valueAt(file: number, at: number): { readonly key: Buffer; readonly value: Buffer } {
  const key = read(file, at + 10, read(file, at, 2).readUInt16BE())
  const start = at + 10 + key.length
  return { key, value: read(file, start + 4, read(file, start, 4).readUInt32BE()) }
}

function read(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const count = readSync(file, bytes, done, length - done, at + done)
    if (count === 0) throw new Error('it ends too early')
    done += count
  }
  return bytes
}

/** Reads from the beginning on, and digests what it read. */
class Scanner {
  readonly #file: number
  readonly #size: number
  readonly #hash = createHash('sha256')
  #chunk: Buffer = Buffer.alloc(0)
  #chunkAt = 0
  offset = 0

  constructor(file: number) {
    this.#file = file
    this.#size = fstatSync(file).size
  }

  take(length: number): Buffer {
    if (length > this.#size - this.offset) throw new Error('it ends too early')
    const start = this.offset - this.#chunkAt
    if (start + length > this.#chunk.length) {
      this.#chunk = read(this.#file, this.offset, Math.min(Math.max(length, chunkSize), this.#size - this.offset))
      this.#chunkAt = this.offset
      return this.#taken(this.#chunk.subarray(0, length))
    }
    return this.#taken(this.#chunk.subarray(start, start + length))
  }

  /** Of all that was taken so far. */
  digest(): Buffer {
    return this.#hash.copy().digest()
  }

  #taken(bytes: Buffer): Buffer {
    this.#hash.update(bytes)
    this.offset += bytes.length
    return bytes
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function uint16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function double(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(value)
  return bytes
}

const magic = Buffer.from('tresor cluster backup\n')
const chunkSize = 1024 * 1024
