import { readFileSync } from 'node:fs'

/**
 * Moves the wall clock of this process by the milliseconds in a file, which it looks at ten times a second. What asks the system by other ways
 * than Date (etcd, OpenSSL) goes by the machine's clock.
 */
const file = process.env.TRESOR_CHAOS_CLOCK
if (file !== undefined) {
  const RealDate = Date
  let offset = 0
  const look = () => {
    try {
      offset = Number(readFileSync(file, 'utf8'))
    } catch {
      offset = 0
    }
  }
  look()
  setInterval(look, 100).unref()
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, made) =>
      Reflect.construct(target, args.length === 0 ? [RealDate.now() + offset] : args, made === globalThis.Date ? target : made) as Date,
    apply: () => new RealDate(RealDate.now() + offset).toString(),
    get: (target, name) => (name === 'now' ? () => RealDate.now() + offset : Reflect.get(target, name)),
  })
}
