import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import type { DataFolder } from './node-files.ts'
import { type AskPassphrase, credentialName, RefusedPins, type RootSource } from './partitions/index.ts'

/** Where this node's root secret comes from, as its configuration says. `ask`: who asks a person for a passphrase. */
export function rootSource({ root }: Pick<Config, 'root'>, folder: DataFolder, ask: AskPassphrase = askNobody): RootSource {
  const { keyFile, passphraseFile, askPassphrase, command, pkcs11 } = root
  const sealed = folder.sealedRoot
  if (command !== undefined) return { kind: 'command', command }
  if (passphraseFile !== undefined) return { kind: 'passphrase', passphrase: passphraseFile, sealed }
  if (askPassphrase === true) return { kind: 'passphrase', passphrase: ask, sealed }
  if (pkcs11 === undefined) return { kind: 'keyFile', path: keyFile ?? folder.keyFile }
  const { serial, parameters, ...token } = pkcs11
  return {
    kind: 'pkcs11',
    sealed,
    token: {
      name: 'root',
      ...token,
      ...(serial === undefined ? {} : { serial }),
      ...(parameters === undefined ? {} : { parameters }),
      // A service that is started again and again must not lock the token.
      refusedPins: new RefusedPins(markOf(pkcs11.pinFile), join(folder.run, 'refused-root-pin')),
    },
  }
}

/** Changes when the file does, so that a PIN is tried again then. */
function markOf(pinFile: string): Buffer {
  const found = credentialName(pinFile) === undefined ? statSync(pinFile, { throwIfNoEntry: false }) : undefined
  return Buffer.from(`${pinFile} ${found?.mtimeMs} ${found?.ino}`)
}

const askNobody: AskPassphrase = async () => {
  throw new Error(
    'root.askPassphrase needs a person at a terminal, and there is none here; put the passphrase into a file: root.passphraseFile',
  )
}
