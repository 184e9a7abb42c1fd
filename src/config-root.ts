import { z } from 'zod'
import { credentialName } from './partitions/key-file.ts'

const path = z.string().min(1).meta({ format: 'path' })

/** The section `root`: where the root secret of software partitions comes from. */
export const rootSchema = z.strictObject({
  keyFile: path
    .optional()
    .describe('A file that holds it as 64 hexadecimal digits, mode 0600. Without any of these keys: `root.key` in the data folder.'),
  passphraseFile: path
    .optional()
    .describe('A file whose first line is a passphrase, mode 0600. The secret lies in `root.sealed` in the data folder, under scrypt.'),
  askPassphrase: z.boolean().optional().describe('`true`: a person types that passphrase at the terminal when the node starts.'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('A program and its arguments that writes it at each start: 32 bytes, or 64 hexadecimal digits. No shell takes part.'),
  pkcs11: z
    .strictObject({
      module: path.describe("Path of the vendor's PKCS#11 library."),
      token: z.string().min(1).describe("The token's label."),
      serial: z.string().min(1).optional().describe('Its serial number, where two have one label.'),
      pinFile: path.describe("File with the token's PIN, mode 0600."),
      parameters: z.string().min(1).optional().describe('What the module is told at its start, where it needs that (NSS).'),
    })
    .optional()
    .describe('A token with a key that opens `root.sealed` in the data folder, at each start.'),
})

export type RootConfig = z.output<typeof rootSchema>

/** What is wrong with the section as a whole. */
export function rootProblem(root: RootConfig): string | undefined {
  const given = Object.entries(root).flatMap(([key, value]) => (value === undefined || value === false ? [] : [key]))
  return given.length > 1 ? `has ${given.join(' and ')}, and the root secret comes from one place: keep one` : undefined
}

/** The files that must be there whenever the configuration is read. A credential is there for the service alone, a key file once it was made. */
export function rootFiles({
  passphraseFile,
  pkcs11,
}: RootConfig): (readonly [key: string, path: string | undefined, kind: 'plain' | 'secret'])[] {
  const onDisk = (named: string | undefined) => (named === undefined || credentialName(named) !== undefined ? undefined : named)
  return [
    ['root.passphraseFile', onDisk(passphraseFile), 'secret'],
    ['root.pkcs11.module', pkcs11?.module, 'plain'],
    ['root.pkcs11.pinFile', onDisk(pkcs11?.pinFile), 'secret'],
  ]
}

/** With paths made absolute by `from`; credentials stay names. */
export function resolveRoot(root: RootConfig, from: (path: string) => string): RootConfig {
  const place = (named: string) => (credentialName(named) === undefined ? from(named) : named)
  const { keyFile, passphraseFile, pkcs11 } = root
  return {
    ...root,
    ...(keyFile === undefined ? {} : { keyFile: place(keyFile) }),
    ...(passphraseFile === undefined ? {} : { passphraseFile: place(passphraseFile) }),
    ...(pkcs11 === undefined ? {} : { pkcs11: { ...pkcs11, module: from(pkcs11.module), pinFile: place(pkcs11.pinFile) } }),
  }
}
