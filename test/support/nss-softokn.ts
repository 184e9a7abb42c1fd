import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ckf, cku } from '../../src/partitions/pkcs11/constants.ts'
import { openModule, tokensOf } from '../../src/partitions/pkcs11/module.ts'
import type { TokenPlace, Tokens } from './tokens.ts'

const modules = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/libsoftokn3.so`)

export interface NssToken {
  readonly options: NssPlace
  remove(): void
}

type NssPlace = TokenPlace & { readonly parameters: string }

/** A token of NSS's softokn in a folder of its own. It takes its folder at its start: one for each process. @throws Error saying what to install. */
export function nssToken(label: string): NssToken {
  const tokens = nssTokens([label])
  return { options: tokens.token(label), remove: tokens.remove }
}

interface NssTokens extends Tokens<NssPlace> {
  /** The same token for a process that has no other one. */
  alone(label: string): NssPlace
}

/** Tokens of NSS's softokn, each in a folder of its own. It is told of them at its start: all that a process needs. @throws Error saying what to install. */
export function nssTokens(labels: readonly string[]): NssTokens {
  const module = modules.find((path) => existsSync(path))
  if (module === undefined) throw new Error('NSS is not on this machine. Install it: apt-get install libnss3')
  const folder = mkdtempSync(join(tmpdir(), 'tresor-nss-'))
  const pinFile = join(folder, 'pin')
  writeFileSync(pinFile, '12345678\n', { mode: 0o600 })
  for (const label of labels) mkdirSync(join(folder, label))
  const parameters = parametersOf(folder, labels)
  // The module stays open as long as the process runs: softokn does not start a second time with the same folder.
  const library = openModule(module, parameters)
  for (const label of labels) {
    const { slot } = tokensOf(library).find((token) => token.label === label)!
    const session = library.C_OpenSession(slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
    library.C_Login(session, cku.SECURITY_OFFICER, '')
    library.C_InitPIN(session, '12345678')
    library.C_Logout(session)
    library.C_CloseSession(session)
  }
  const place = (label: string) => ({ module, parameters, token: label, pinFile })
  return {
    token: place,
    alone: (label) => ({ ...place(label), parameters: parametersOf(folder, [label]) }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** One token is the module's own; of more each is named with its slot, from 4 on. */
function parametersOf(folder: string, labels: readonly string[]): string {
  const places = labels.map((label) => join(folder, label))
  const own = `configdir='sql:${places[0]}' certPrefix='' keyPrefix='' secmod='' flags= dbTokenDescription='${labels[0]}'`
  if (labels.length === 1) return own
  const slots = labels.map((label, slot) => `${slot + 4}=[configDir='sql:${places[slot]}' tokenDescription='${label}']`)
  return `${own} tokens=<${slots.join(' ')}>`
}
