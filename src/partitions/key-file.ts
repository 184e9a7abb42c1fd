import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Secret } from '../objects/secret.ts'

/** Length of a root secret in bytes. */
export const rootSecretLength = 32

/**
 * Makes a root secret and the file that holds it, mode 0600, fsync'd; it appears whole or not at all.
 * @param secret new random bytes unless given
 * @throws Error when the file is there already: a root secret is never overwritten, every key of its partitions hangs on it.
 */
export function createKeyFile(path: string, secret: Secret = newRootSecret()): Secret {
  const draft = `${path}.draft`
  const file = openSync(draft, 'w', 0o600)
  try {
    writeSync(file, `${Buffer.from(secret.expose()).toString('hex')}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(draft, path)
    syncFolderOf(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    throw new Error(`${path} is there already; a root secret is never overwritten. Choose another path or keep the file.`, { cause: error })
  } finally {
    rmSync(draft)
  }
  return secret
}

/** A name is durable once its folder is. */
function syncFolderOf(path: string): void {
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

export function newRootSecret(): Secret {
  return new Secret(randomBytes(rootSecretLength))
}

/**
 * Reads a root secret from its key file.
 * @param path as in `readPrivateFile`
 * @throws Error when the file is missing, readable by others, or does not hold 64 hexadecimal digits.
 */
export function readKeyFile(path: string): Secret {
  const text = readPrivateFile(path)
  const digits = text.expose()
  const hex = Buffer.from(digits).toString('latin1').trim()
  text.wipe()
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) {
    throw new Error(
      `${path} is not a key file: it must hold ${rootSecretLength} bytes as 64 hexadecimal digits. Restore it from its backup.`,
    )
  }
  return new Secret(Buffer.from(hex, 'hex'))
}

/**
 * The content of a file that only its owner may read (a key file, a PIN file).
 * @param path of a file, or `credential:NAME` of one that systemd gave this service (LoadCredential=NAME)
 * @throws Error when it is missing, or readable by group or others (with the command that cures it).
 */
export function readPrivateFile(path: string): Secret {
  const credential = credentialName(path)
  if (credential !== undefined) return readCredential(credential)
  const file = openFile(path, `${path} is not there. Restore it from its backup, or name the right path.`)
  try {
    const mode = fstatSync(file).mode & 0o777
    if ((mode & 0o077) !== 0) throw new Error(`${path} is readable by others (mode 0${mode.toString(8)}); run: chmod 600 ${path}`)
    return new Secret(readFileSync(file))
  } finally {
    closeSync(file)
  }
}

/** The name in `credential:NAME`; undefined for the path of a file. */
export function credentialName(path: string): string | undefined {
  return path.startsWith(credentialPrefix) ? path.slice(credentialPrefix.length) : undefined
}

const credentialPrefix = 'credential:'

/** systemd's folder is the service's alone. The files' group bits are the mask of an access list there, so they say nothing. */
function readCredential(name: string): Secret {
  const folder = process.env.CREDENTIALS_DIRECTORY
  if (folder === undefined)
    throw new Error(
      `credential:${name} is for a systemd service, and this process is none that was given credentials; add to its unit: LoadCredential=${name}:PATH`,
    )
  if (!/^[A-Za-z0-9._-]+$/.test(name) || name.startsWith('.'))
    throw new Error(`credential:${name}: a credential's name has letters, digits, dots, hyphens and underscores`)
  const path = join(folder, name)
  const file = openFile(path, `${path} is not there; add to the service's unit: LoadCredential=${name}:PATH`)
  try {
    return new Secret(readFileSync(file))
  } finally {
    closeSync(file)
  }
}

function openFile(path: string, whenMissing: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') throw new Error(whenMissing, { cause: error })
    throw error
  }
}
