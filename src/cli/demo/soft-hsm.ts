import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError } from '../command.ts'

const modules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

/** @throws CommandError that names the package to install */
export function findSoftHsm(): string {
  const module = modules.find((path) => existsSync(path))
  if (module === undefined)
    throw new CommandError(
      'SoftHSM is not on this machine; install it: apt-get install softhsm2 (Debian, Ubuntu), brew install softhsm (macOS)',
    )
  return module
}

/**
 * A folder for SoftHSM tokens of this process's own, and of the processes that it starts from now on: SoftHSM is told where by the
 * environment. Answers the file with the PIN for a token in it.
 */
export function scratchTokens(folder: string): string {
  mkdirSync(join(folder, 'tokens'), { recursive: true, mode: 0o700 })
  const configuration = join(folder, 'softhsm2.conf')
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  process.env.SOFTHSM2_CONF = configuration
  const pinFile = join(folder, 'pin')
  writeFileSync(pinFile, `${randomInt(10 ** 9, 10 ** 10)}\n`, { mode: 0o600 })
  return pinFile
}
