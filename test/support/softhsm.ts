import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initToken } from '../../src/partitions/index.ts'

const modules = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/pkcs11/libsofthsm2.so', '/opt/homebrew/lib/softhsm/libsofthsm2.so']

export interface SoftHsm {
  readonly module: string
  readonly folder: string
  /** SoftHSM reads it at its first call; a child process needs it too. */
  readonly configuration: string
  /** Makes a token, and the file with its PIN. */
  token(label: string): { readonly module: string; readonly token: string; readonly pinFile: string }
  remove(): void
}

/** SoftHSM with a token folder of its own. It reads SOFTHSM2_CONF once a process: one SoftHSM for each test file. */
export function softHsm(): SoftHsm {
  const module = modules.find((path) => existsSync(path))
  if (module === undefined) throw new Error('SoftHSM is not on this machine. Install it: apt-get install softhsm2')
  const folder = mkdtempSync(join(tmpdir(), 'tresor-softhsm-'))
  mkdirSync(join(folder, 'tokens'))
  const configuration = join(folder, 'softhsm2.conf')
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  process.env.SOFTHSM2_CONF = configuration
  return {
    module,
    folder,
    configuration,
    token(label) {
      const pinFile = join(folder, `${label}.pin`)
      writeFileSync(pinFile, '12345678\n', { mode: 0o600 })
      initToken({ module, label, pin: '12345678', soPin: '87654321' })
      return { module, token: label, pinFile }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
