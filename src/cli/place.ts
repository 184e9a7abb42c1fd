import { isAbsolute, join, relative } from 'node:path'
import { callAdmin } from '../admin/index.ts'
import { type Config, configSchema, type HostPort, loadConfig } from '../config.ts'
import { type Invocation, textOption, UsageError } from './command.ts'

/** The configuration that the command line points at. @throws ConfigError with a line for each problem */
export function configOf({ dataGiven, configFile }: Invocation): Promise<Config> {
  return loadConfig({
    ...(configFile === undefined ? {} : { config: configFile }),
    ...(dataGiven === undefined ? {} : { data: dataGiven }),
  })
}

/** Asks the node that runs on the data folder. @throws NodeNotRunning, or an Error with the node's sentence */
export async function askNode<T>(invocation: Invocation, method: string, parameters: object = {}): Promise<T> {
  const { data } = await configOf(invocation)
  return (await callAdmin(data, method, parameters)) as T
}

/** An option of the form HOST:PORT. @throws UsageError */
export function addressOption(invocation: Invocation, name: string): HostPort | undefined {
  const text = textOption(invocation, name)
  if (text === undefined) return undefined
  const parsed = configSchema.safeParse({ listen: { kmip: [text] } })
  if (!parsed.success) throw new UsageError(`--${name}: ${parsed.error.issues[0]?.message ?? 'is not HOST:PORT'}`)
  return parsed.data.listen.kmip[0]
}

export function addressText({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** A path as a person would type it here. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path)
  if (near === '') return '.'
  return near.startsWith('..') || isAbsolute(near) ? path : near
}

/** The words that name the data folder on another command line, where it is not the usual one. */
export function dataWords({ dataGiven, configFile }: Invocation): string {
  const words = [
    ...(dataGiven === undefined ? [] : ['--data', dataGiven]),
    ...(configFile === undefined ? [] : ['--config', shownPath(configFile)]),
  ]
  return words.map((word) => `${word} `).join('')
}

/** Where the bundle of a tenant's user lies in the data folder, as a person would name it. */
export function bundleFolder(data: string, tenant: string, user: string): string {
  return join(data, 'clients', tenant, user)
}
