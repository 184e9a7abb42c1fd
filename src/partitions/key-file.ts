import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { Secret } from '../objects/secret.ts'

/** Length of a root secret in bytes. */
export const rootSecretLength = 32

/**
 * Makes a new root secret and the file that holds it, mode 0600, fsync'd.
 * @throws Error when the file is there already: a root secret is never overwritten, every key of its partitions hangs on it.
 */
export function createKeyFile(path: string): Secret {
  const secret = randomBytes(rootSecretLength)
  const file = openFile(path, 'wx', `${path} is there already; a root secret is never overwritten. Choose another path or keep the file.`)
  try {
    writeSync(file, `${secret.toString('hex')}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return new Secret(secret)
}

/**
 * Reads a root secret from its key file.
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
 * @throws Error when it is missing, or readable by group or others (with the command that cures it).
 */
export function readPrivateFile(path: string): Secret {
  const file = openFile(path, 'r', `${path} is not there. Restore it from its backup, or name the right path.`)
  try {
    const mode = fstatSync(file).mode & 0o777
    if ((mode & 0o077) !== 0) throw new Error(`${path} is readable by others (mode 0${mode.toString(8)}); run: chmod 600 ${path}`)
    return new Secret(readFileSync(file))
  } finally {
    closeSync(file)
  }
}

function openFile(path: string, flags: 'r' | 'wx', whenWrong: string): number {
  try {
    return openSync(path, flags, 0o600)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'EEXIST') throw new Error(whenWrong, { cause: error })
    throw error
  }
}
