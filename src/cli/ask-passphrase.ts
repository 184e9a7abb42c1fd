import { Secret } from '../objects/secret.ts'
import type { AskPassphrase } from '../partitions/index.ts'
import { CommandError } from './command.ts'

/** Asks at the terminal, without showing what is typed. @throws CommandError when there is no terminal, or the two of a new one differ */
export const askPassphrase: AskPassphrase = async (which) => {
  if (!process.stdin.isTTY)
    throw new CommandError(
      'the passphrase of the root secret must be typed (root.askPassphrase), and there is no terminal; for a service: root.passphraseFile, which can be a systemd credential',
    )
  const first = await typed(which === 'new' ? 'New passphrase for the root secret: ' : 'Passphrase of the root secret: ')
  if (which === 'known') return first
  const again = await typed('Once more: ')
  const same = Buffer.from(first.expose()).equals(again.expose())
  again.wipe()
  if (!same) throw new CommandError('the two passphrases differ; nothing was done')
  return first
}

function typed(question: string): Promise<Secret> {
  const { stdin, stderr } = process
  // Before it is asked: what is typed at once must not be shown.
  stdin.setRawMode(true)
  stdin.resume()
  stderr.write(question)
  const bytes: number[] = []
  return new Promise((resolve, reject) => {
    const end = () => {
      stdin.off('data', take)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
    const take = (chunk: Buffer) => {
      for (const byte of chunk) {
        if (byte === keys.enter || byte === keys.newLine) {
          end()
          const secret = new Secret(Buffer.from(bytes))
          bytes.fill(0)
          return resolve(secret)
        }
        if (byte === keys.interrupt || byte === keys.endOfInput) {
          end()
          return reject(new CommandError('no passphrase was given'))
        }
        if (byte === keys.backspace || byte === keys.delete) dropCharacter(bytes)
        else if (bytes.length < longest) bytes.push(byte)
      }
    }
    stdin.on('data', take)
  })
}

/** The last one of UTF-8, with its continuation bytes. */
function dropCharacter(bytes: number[]): void {
  while (bytes.length > 0) {
    const byte = bytes.pop()!
    if ((byte & 0xc0) !== 0x80) return
  }
}

const keys = { interrupt: 0x03, endOfInput: 0x04, backspace: 0x08, newLine: 0x0a, enter: 0x0d, delete: 0x7f } as const
/** Bytes. */
const longest = 1024
