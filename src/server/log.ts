import { Writable } from 'node:stream'
import winston from 'winston'

const logLevels = ['error', 'warn', 'info', 'verbose', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

const ranks = { error: 0, warn: 1, info: 2, verbose: 3, debug: 4 } as const satisfies Record<LogLevel, number>

/** What is logged beside the message: names, numbers, states. Never a payload, a key or a credential. */
export type LogFields = Readonly<Record<string, unknown>>

/** The one way to write a log line. */
export interface Log {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  verbose(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  /** Whether a level is written at all: ask before building fields in a hot path. */
  writes(level: LogLevel): boolean
  /** A log whose lines carry these fields too. */
  with(fields: LogFields): Log
  /** Changes the level of this log and of those made from it. */
  setLevel(level: LogLevel): void
}

export interface LogOptions {
  readonly level: LogLevel
  /** `json`: one object a line; `human`: time, level, message and `key=value`. */
  readonly form: 'json' | 'human'
  /** Where lines go; standard error when left out. */
  readonly to?: NodeJS.WritableStream
}

export function createLog(options: LogOptions): Log {
  const logger = winston.createLogger({
    level: options.level,
    levels: Object.fromEntries(logLevels.map((level, index) => [level, index])),
    format: winston.format.combine(printable(), winston.format.timestamp(), options.form === 'json' ? winston.format.json() : human),
    transports: [new winston.transports.Stream({ stream: options.to ?? process.stderr })],
    exitOnError: false,
  })
  return new WinstonLog(logger, { level: options.level }, {})
}

/** A log that writes nothing. */
export function silentLog(): Log {
  return createLog({ level: 'error', form: 'json', to: new Writable({ write: (_chunk, _encoding, done) => done() }) })
}

class WinstonLog implements Log {
  readonly #logger: winston.Logger
  readonly #shared: { level: LogLevel }
  readonly #fields: LogFields

  constructor(logger: winston.Logger, shared: { level: LogLevel }, fields: LogFields) {
    this.#logger = logger
    this.#shared = shared
    this.#fields = fields
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields)
  }

  verbose(message: string, fields?: LogFields): void {
    this.#write('verbose', message, fields)
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields)
  }

  writes(level: LogLevel): boolean {
    return ranks[level] <= ranks[this.#shared.level]
  }

  with(fields: LogFields): Log {
    return new WinstonLog(this.#logger, this.#shared, { ...this.#fields, ...fields })
  }

  setLevel(level: LogLevel): void {
    this.#shared.level = level
    this.#logger.level = level
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    // A field named `message` or `level` would replace the line's own.
    if (this.writes(level)) this.#logger.log({ ...this.#fields, ...fields, level, message })
  }
}

/** Bytes are never printed, wherever they came from; errors are, with their stack. */
const printable = winston.format((line) => {
  for (const key of Object.keys(line)) line[key] = shown(line[key])
  return line
})

function shown(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Error) return value.stack ?? String(value)
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(shown)
  if (typeof value !== 'object' || value === null) return value
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]))
}

const human = winston.format.printf(({ timestamp, level, message, ...fields }) => {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('')
  return `${String(timestamp)} ${level.padEnd(7)} ${String(message)}${rest}`
})
