import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ckf, cku } from '../../src/partitions/pkcs11/constants.ts'
import { openModule, tokensOf } from '../../src/partitions/pkcs11/module.ts'

const modules = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/libsoftokn3.so`)

export interface NssToken {
  readonly options: { readonly module: string; readonly parameters: string; readonly token: string; readonly pinFile: string }
  remove(): void
}

/** A token of NSS's softokn in a folder of its own. It takes its folder at its start: one for each process. @throws Error saying what to install. */
export function nssToken(label: string): NssToken {
  const module = modules.find((path) => existsSync(path))
  if (module === undefined) throw new Error('NSS is not on this machine. Install it: apt-get install libnss3')
  const folder = mkdtempSync(join(tmpdir(), 'tresor-nss-'))
  const pinFile = join(folder, 'pin')
  writeFileSync(pinFile, '12345678\n', { mode: 0o600 })
  mkdirSync(join(folder, 'db'))
  const parameters = `configdir='sql:${join(folder, 'db')}' certPrefix='' keyPrefix='' secmod='' flags= dbTokenDescription='${label}'`
  // The module stays open as long as the process runs: softokn does not start a second time with the same folder.
  const library = openModule(module, parameters)
  const { slot } = tokensOf(library).find((token) => token.label === label)!
  const session = library.C_OpenSession(slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
  library.C_Login(session, cku.SECURITY_OFFICER, '')
  library.C_InitPIN(session, '12345678')
  library.C_Logout(session)
  library.C_CloseSession(session)
  return { options: { module, parameters, token: label, pinFile }, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
