import { stat } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { defaultQuota } from './cluster/quota.ts'
import { ConfigError, explain } from './config-errors.ts'
import { partitionPlaceSchema } from './config-partition.ts'
import { resolveRoot, rootFiles, rootProblem, rootSchema } from './config-root.ts'
import { readYaml } from './config-yaml.ts'
import { defaultServerLimits, type ServerLimits } from './server/limits.ts'
import { cipherChoices } from './server/tls-settings.ts'

/** The name under which the configuration is looked for in the data folder. */
export const configFileName = 'tresor.yaml'

const limitTexts: Readonly<Record<keyof ServerLimits, string>> = {
  connections: 'Connections of one worker in all; handshakes in progress count.',
  connectionsPerTenant: 'Connections of one worker that one tenant may hold.',
  handshakes: 'TLS handshakes in progress; one more ends the oldest.',
  handshakeTimeout: 'Milliseconds from the accepted connection to the end of its handshake.',
  frameBytes: 'Bytes of one message, its header included.',
  frameTimeout: 'Milliseconds from the first byte of a message to its last.',
  bufferedBytes: 'Bytes of unfinished messages of all connections of one worker; beyond it the connection that holds the most is closed.',
  readAhead: 'Bytes that are read ahead of a request in progress.',
  framesPerTurn: 'Messages of one connection that are answered before the others get their turn.',
  idleTimeout: 'Milliseconds without a byte after which a connection is closed.',
  writeTimeout: 'Milliseconds that an answer may wait for a client that does not read it.',
  batchItems: 'Batch Items of one request.',
  depth: 'Structures inside structures of one message.',
  items: 'Items in the tree of one message.',
  ticketsPerTenant: 'Tickets of Login that a tenant may have at a time, in the whole cluster.',
  jobsPerTenant: 'Asynchronous requests of a tenant, in the whole cluster, that wait to be carried out or polled.',
  streams: 'Cryptographic operations in parts (Init Indicator) that one worker has open.',
  streamsPerTenant: 'Those of one tenant.',
  streamIdleTimeout: 'Milliseconds without a part after which such an operation ends.',
  streamHeldBytes: 'Bytes of plain text that wait in one worker until the tag of an authenticated decryption in parts is verified.',
  streamHeldBytesPerTenant: 'Those of one tenant.',
}

type LimitShape = { readonly [K in keyof ServerLimits]: z.ZodDefault<z.ZodInt> }

const limitShape = Object.fromEntries(
  Object.entries(limitTexts).map(([name, text]) => [
    name,
    z
      .int()
      .min(1)
      .default(defaultServerLimits[name as keyof ServerLimits])
      .describe(text),
  ]),
) as unknown as LimitShape

/** An address to listen at. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

const hostPort = z.string().transform((text, context): HostPort => {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) }
  context.addIssue({ code: 'custom', message: `"${text}" is not HOST:PORT; write for example 127.0.0.1:5696 or [::1]:5696` })
  return z.NEVER
})

const path = z.string().min(1).meta({ format: 'path' })

/** Every key of the file, with its meaning; docs/configuration.md is made from it. */
export const configSchema = z.strictObject({
  data: path
    .optional()
    .describe(
      'Folder of the store, the development PKI and the client bundles. `--data` wins over it. Default: the folder of this file when it is called tresor.yaml, else ./data.',
    ),
  workers: z
    .int()
    .min(0)
    .max(256)
    .default(cpus().length)
    .describe('Worker processes that serve clients: by default one per core. 0 serves in one process, together with the ledger.'),
  listen: z
    .strictObject({
      kmip: z
        .array(hostPort)
        .min(1)
        .prefault(['127.0.0.1:5696'])
        .describe('Addresses of KMIP over TLS, as HOST:PORT. 0 as port takes a free one.'),
      https: z.array(hostPort).prefault([]).describe('Addresses of KMIP over HTTPS (POST /kmip), as HOST:PORT.'),
    })
    .prefault({})
    .describe(
      'Where clients connect. With the development PKI only loopback addresses are accepted, unless `serve --insecure-development` is given.',
    ),
  tls: z
    .strictObject({
      minimumVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('The oldest TLS version that is spoken.'),
      ciphers: z
        .string()
        .min(1)
        .default('modern')
        .describe(
          '`modern`; `strict` for the cipher suites of the KMIP profiles; or an OpenSSL cipher list, for appliances that know only old suites.',
        ),
      certificate: path
        .optional()
        .describe("The server's certificate and its intermediates, PEM. Without it, one of the PKI in the data folder, renewed at start."),
      key: path.optional().describe("The certificate's private key, PEM, readable by its owner alone (mode 0600)."),
      clientAuthorities: z
        .array(path)
        .default([])
        .describe(
          "More authorities whose certificates name their tenant and user by URI, as Tresor's own do; PEM. Foreign authorities are added by rules.",
        ),
      crls: z
        .array(path)
        .default([])
        .describe('Certificate revocation lists, PEM or DER, of any of the authorities. They are read again when they change.'),
      overdueCrl: z
        .enum(['use', 'refuse'])
        .default('use')
        .describe(
          'What happens when the Next Update of a list has passed: it stays in force (`use`), or clients of its authority are refused.',
        ),
      hosts: z
        .array(z.string().min(1))
        .min(1)
        .default(['localhost', '127.0.0.1', '::1'])
        .describe("Names and addresses in the server's own certificate, where Tresor issues it."),
    })
    .prefault({})
    .describe('TLS of the client ports. A client certificate is always required.'),
  limits: z
    .strictObject(limitShape)
    .prefault({})
    .describe('What clients may cost. Each limit is checked before the thing it bounds is allocated.'),
  operator: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('A loopback address: the port asks for no credentials.'),
      port: z.int().min(0).max(65_535).default(5697).describe('Port of /healthz, /readyz and /metrics; 0 takes a free one.'),
    })
    .prefault({})
    .describe("The port of the operator's tools."),
  log: z
    .strictObject({
      level: z
        .enum(['error', 'warn', 'info', 'debug'])
        .default('info')
        .describe('`debug` writes a line for each request. No level writes secrets.'),
      format: z.enum(['human', 'json']).default('human').describe('Lines for people, or one JSON object per line.'),
      file: path.optional().describe('File that lines are appended to. Without it they go to standard error.'),
    })
    .prefault({})
    .describe('The log.'),
  root: rootSchema
    .prefault({})
    .describe(
      'Where the root secret of software partitions comes from: one of these keys. For a file `credential:NAME` may stand: what systemd gives the service (LoadCredential). To change it: `tresor root change`.',
    ),
  partitions: z
    .record(z.string(), partitionPlaceSchema)
    .default({})
    .describe(
      "By a partition's name: where its library, token and PIN are on this node, where that is not as `tresor partition add` said.",
    ),
  cluster: z
    .strictObject({
      peer: hostPort.optional().describe("Address of this node's etcd member for the other members, as HOST:PORT."),
      client: hostPort.optional().describe("Address of this node's etcd member for the nodes, as HOST:PORT."),
      name: z
        .string()
        .regex(
          /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
          'use letters, digits, dots, hyphens and underscores, at most 63, beginning with a letter or digit',
        )
        .optional()
        .describe(
          "The node's name, unique in the cluster; only with `etcd.endpoints`. Elsewhere `cluster init` and `cluster join` set it.",
        ),
      join: hostPort.optional().describe('Address at which new nodes join, as HOST:PORT. Without it none can join here.'),
      folder: path.optional().describe("The node's certificate and etcd's data. Default: `cluster` in the data folder."),
      etcd: z
        .strictObject({
          path: path.optional().describe('The etcd program. Without it, the one on PATH.'),
          quota: z
            .int()
            .min(16 * 1024 ** 2)
            .default(defaultQuota)
            .describe(
              "Bytes that the member's database may take on disk; beyond it nothing can be changed until there is room. 8 GiB is the most that etcd's makers advise.",
            ),
          endpoints: z
            .array(z.url({ protocol: /^https$/ }))
            .default([])
            .describe('URLs (https://HOST:PORT) of the voting members of an etcd that you run yourself; Tresor then starts none.'),
          prefix: z
            .string()
            .regex(/^[\x20-\x7d]+$/, 'use printable ASCII, at least one character')
            .default('tresor/')
            .describe('Of all keys in that etcd, so that clusters can share one. Every node of a cluster has the same.'),
          certificate: path.optional().describe('Client certificate for those endpoints, PEM.'),
          key: path.optional().describe('Its private key, PEM, mode 0600.'),
          authority: path.optional().describe('The authority of their certificates, PEM.'),
        })
        .prefault({})
        .describe('The etcd behind the cluster.'),
    })
    .optional()
    .describe('This node as part of a cluster. Without it the node stands alone, on the embedded ledger.'),
})

/** The configuration with its defaults filled in and its paths absolute. */
export type Config = Omit<z.output<typeof configSchema>, 'data'> & {
  readonly data: string
  /** The file it came from; undefined when there is none. */
  readonly file: string | undefined
}

export interface ConfigChoice {
  /** `--config`. */
  readonly config?: string
  /** `--data`. */
  readonly data?: string
}

/**
 * Reads the configuration: the file of `--config`, else tresor.yaml in the data folder, else nothing but defaults. Relative paths are
 * taken from the file's folder.
 * @throws ConfigError with one line per problem, each naming the file, the key and the cure.
 */
export async function loadConfig(choice: ConfigChoice = {}): Promise<Config> {
  const file = await findFile(choice)
  const source = file === undefined ? {} : await readYaml(file, display(file))
  const name = file === undefined ? 'defaults' : display(file)
  const parsed = configSchema.safeParse(source)
  if (!parsed.success) throw new ConfigError(explain(name, source, parsed.error.issues, z.toJSONSchema(configSchema, { io: 'input' })))
  const base = file === undefined ? process.cwd() : dirname(file)
  const config = parsed.data
  const problems = [...contradictions(config), ...(await fileProblems(config, base))]
  if (problems.length > 0) throw new ConfigError(problems.map(([key, what]) => `${name}: ${key}: ${what}`))
  const { data, ...rest } = resolvePaths(config, base)
  return { ...rest, data: choice.data === undefined ? (data ?? defaultData(file)) : resolve(choice.data), file }
}

type Parsed = z.output<typeof configSchema>
type Problem = readonly [key: string, what: string]

async function findFile({ config, data }: ConfigChoice): Promise<string | undefined> {
  const candidate = resolve(config ?? join(data ?? 'data', configFileName))
  const found = await stat(candidate).catch(() => undefined)
  if (found?.isFile() === true) return candidate
  if (config !== undefined) throw new ConfigError([`${display(candidate)}: there is no such file`])
  return undefined
}

function defaultData(file: string | undefined): string {
  return file?.endsWith(`/${configFileName}`) === true ? dirname(file) : resolve('data')
}

function contradictions({ tls, operator, root, cluster }: Parsed): Problem[] {
  const problems: Problem[] = []
  if ((tls.certificate === undefined) !== (tls.key === undefined))
    problems.push(['tls', 'certificate and key belong together; give both, or neither'])
  if (!/^(localhost|127(\.\d{1,3}){3}|::1)$/.test(operator.host))
    problems.push(['operator.host', `"${operator.host}" is not a loopback address; use 127.0.0.1 or ::1`])
  const roots = rootProblem(root)
  if (roots !== undefined) problems.push(['root', roots])
  const ciphers = cipherProblem(tls.ciphers)
  if (ciphers !== undefined) problems.push(['tls.ciphers', ciphers])
  return cluster === undefined ? problems : [...problems, ...clusterContradictions(cluster)]
}

/** Either Tresor runs etcd, and needs addresses for it, or somebody else does. */
function clusterContradictions({ etcd, name, peer, client, join: joinAt }: NonNullable<Parsed['cluster']>): Problem[] {
  const { endpoints, certificate, key, authority, path: program } = etcd
  const problems: Problem[] = []
  if (endpoints.length === 0) {
    for (const [what, address] of Object.entries({ peer, client })) {
      if (address === undefined)
        problems.push([`cluster.${what}`, 'is missing; give HOST:PORT of the etcd member that this node starts, or cluster.etcd.endpoints'])
    }
    if (name !== undefined) problems.push(['cluster.name', 'is only for cluster.etcd.endpoints; tresor cluster init and join take --name'])
    return problems
  }
  if (certificate === undefined || key === undefined || authority === undefined)
    problems.push(['cluster.etcd', 'endpoints need certificate, key and authority: etcd is spoken to over mutual TLS only'])
  if (name === undefined)
    problems.push(['cluster.name', "is missing; with cluster.etcd.endpoints, give this node's name, unique in the cluster"])
  for (const [what, value] of Object.entries({ peer, client, join: joinAt, 'etcd.path': program })) {
    if (value !== undefined)
      problems.push([
        `cluster.${what}`,
        'is for an etcd that Tresor starts, and cluster.etcd.endpoints names one that you run; leave out one of the two',
      ])
  }
  return problems
}

function cipherProblem(ciphers: string): string | undefined {
  if (Object.hasOwn(cipherChoices, ciphers)) return undefined
  try {
    createSecureContext({ ciphers })
    return undefined
  } catch {
    return `"${ciphers}" is not a cipher list that OpenSSL knows; use ${Object.keys(cipherChoices).join(', ')}, or see: openssl ciphers -v`
  }
}

/** What the files named must be. A `secret` one is its owner's alone. */
async function fileProblems(config: Parsed, base: string): Promise<Problem[]> {
  const { tls, partitions, cluster } = config
  const wanted: (readonly [key: string, path: string | undefined, kind: 'plain' | 'secret'])[] = [
    ['tls.certificate', tls.certificate, 'plain'],
    ['tls.key', tls.key, 'secret'],
    ...tls.clientAuthorities.map((one, index) => [`tls.clientAuthorities[${index}]`, one, 'plain'] as const),
    ...tls.crls.map((one, index) => [`tls.crls[${index}]`, one, 'plain'] as const),
    ...rootFiles(config.root),
    ...Object.entries(partitions).flatMap(([name, { module, pinFile }]) => [
      [`partitions.${name}.module`, module, 'plain'] as const,
      [`partitions.${name}.pinFile`, pinFile, 'secret'] as const,
    ]),
    ['cluster.etcd.path', cluster?.etcd.path, 'plain'],
    ['cluster.etcd.certificate', cluster?.etcd.certificate, 'plain'],
    ['cluster.etcd.key', cluster?.etcd.key, 'secret'],
    ['cluster.etcd.authority', cluster?.etcd.authority, 'plain'],
  ]
  const problems = await Promise.all(
    wanted.map(async ([key, named, kind]): Promise<Problem[]> => {
      const what = named === undefined ? undefined : await fileProblem(resolve(base, named), kind)
      return what === undefined ? [] : [[key, what]]
    }),
  )
  return problems.flat()
}

/** Also for secret files that other settings name. Undefined when the file is as it should be. */
export async function fileProblem(file: string, kind: 'plain' | 'secret'): Promise<string | undefined> {
  const shown = display(file)
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error) return found.code === 'ENOENT' ? `${shown} does not exist` : `${shown} cannot be read (${found.code})`
  if (!found.isFile()) return `${shown} is not a file`
  const mode = found.mode & 0o777
  if (kind === 'plain' || (mode & 0o077) === 0) return undefined
  return `${shown} is readable by others (mode ${mode.toString(8).padStart(4, '0')}); run: chmod 600 ${shown}`
}

function resolvePaths(config: Parsed, base: string): Parsed {
  const from = <T extends string | undefined>(named: T) => (named === undefined ? named : resolve(base, named)) as T
  const { tls, log, partitions, cluster } = config
  return {
    ...config,
    data: from(config.data),
    tls: {
      ...tls,
      certificate: from(tls.certificate),
      key: from(tls.key),
      clientAuthorities: tls.clientAuthorities.map(from),
      crls: tls.crls.map(from),
    },
    log: { ...log, file: from(log.file) },
    root: resolveRoot(config.root, from),
    partitions: Object.fromEntries(
      Object.entries(partitions).map(([name, one]) => [name, { ...one, module: from(one.module), pinFile: from(one.pinFile) }]),
    ),
    cluster: cluster && {
      ...cluster,
      folder: from(cluster.folder),
      etcd: {
        ...cluster.etcd,
        path: from(cluster.etcd.path),
        certificate: from(cluster.etcd.certificate),
        key: from(cluster.etcd.key),
        authority: from(cluster.etcd.authority),
      },
    },
  }
}

/** A path as a person would type it here. */
function display(file: string): string {
  const near = relative(process.cwd(), file)
  return near === '' || near.startsWith('..') || isAbsolute(near) ? file : near
}
