import type { Socket } from 'node:net'

/** How good a line is in one direction: the part that is lost, and the milliseconds by which all is late. */
export interface LineQuality {
  readonly loss: number
  readonly delay: number
}

/** What one end of a relayed connection sends to the other. What a real line would lose arrives late, as TCP would send it again. */
export class ProxiedDirection {
  readonly #source: Socket
  readonly #target: Socket
  readonly #quality: () => LineQuality
  readonly #queue: { readonly due: number; readonly data: Buffer | undefined }[] = []
  #timer: NodeJS.Timeout | undefined
  onEnd: () => void = () => undefined

  constructor(source: Socket, target: Socket, quality: () => LineQuality) {
    this.#source = source
    this.#target = target
    this.#quality = quality
    source
      .setNoDelay(true)
      .on('data', (data: Buffer) => this.#take(data))
      .on('error', () => undefined)
      .on('close', () => this.#take(undefined))
    this.refresh()
  }

  /** To be called when the quality has changed. */
  refresh(): void {
    if (this.#isDead) this.#source.pause()
    else this.#source.resume()
    this.#pass()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#source.destroy()
    this.#target.destroy()
    this.onEnd()
  }

  get #isDead(): boolean {
    return this.#quality().loss >= 1
  }

  /** Data, or the end. */
  #take(data: Buffer | undefined): void {
    const { loss, delay } = this.#quality()
    const again = Math.random() < loss ? sentAgainAfter : 0
    this.#queue.push({ due: Math.max(performance.now() + delay + again, this.#queue.at(-1)?.due ?? 0), data })
    this.#pass()
  }

  #pass(): void {
    clearTimeout(this.#timer)
    if (this.#isDead) return
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const wait = first.due - performance.now()
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pass(), wait)
        return
      }
      this.#queue.shift()
      if (first.data === undefined) {
        this.end()
        return
      }
      this.#target.write(first.data)
    }
  }
}

/** Milliseconds after which TCP sends again what was lost, at the least. */
const sentAgainAfter = 200
