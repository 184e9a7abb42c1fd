import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleFiles, isDevelopment } from '../../certs/index.ts'
import type { Config, HostPort } from '../config.ts'
import { dataFolder } from '../node-files.ts'
import { CommandError } from './command.ts'
import { addressText, shownPath } from './place.ts'

/** @throws CommandError when there is neither a server certificate nor an authority that could issue one */
export function checkCertificate(config: Config): void {
  const { authority } = dataFolder(config)
  if (config.tls.certificate !== undefined || existsSync(join(authority, bundleFiles.authority))) return
  throw new CommandError(
    `${shownPath(config.file ?? config.data)} names no certificate for the server (tls.certificate, tls.key), and the folder, made with --bare, has no authority to issue one`,
  )
}

/**
 * Refuses to serve others than this machine with secrets that were made for development.
 * @throws CommandError that says which address, which secrets, and what to do
 */
export function checkExposure(config: Config): void {
  const exposed = [...config.listen.kmip, ...config.listen.https].find((address) => !isLoopback(address))
  if (exposed === undefined) return
  const [first, ...more] = developmentSecrets(config)
  if (first === undefined) return
  throw new CommandError(
    `${addressText(exposed)} is reachable from other machines, but ${[first, ...more].join(', and ')}.\n` +
      'Listen on 127.0.0.1; or use certificates of your own (tls.certificate, tls.key, tls.clientAuthorities) and partitions in HSMs,\n' +
      'in a folder made by: tresor --data DIR init --bare. To try it all the same: --insecure-development',
  )
}

/** What in the data folder is good for development only, as parts of a sentence. */
export function developmentSecrets(config: Config): string[] {
  const folder = dataFolder(config)
  const server = config.tls.certificate ?? join(folder.server, bundleFiles.certificate)
  const authority = join(folder.authority, bundleFiles.authority)
  const isMarked = (path: string) => existsSync(path) && isDevelopment(readFileSync(path, 'utf8'))
  return [
    ...(isMarked(server) ? ["the server's certificate is the development PKI's"] : []),
    ...(isMarked(authority) ? [`whoever can read ${shownPath(folder.authority)} can make clients`] : []),
    // One that is named was chosen.
    ...(Object.keys(config.root).length === 0 && existsSync(folder.keyFile)
      ? [`the root secret lies in a file (${shownPath(folder.keyFile)})`]
      : []),
  ]
}

export function isLoopback({ host }: HostPort): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
