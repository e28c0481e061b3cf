/** Copy of a text, cut to so many characters. V8 would else keep all of the text that it is a part of in memory. */
export const copiedText = (text: string, mostChars: number): string =>
  Buffer.from(text.length <= mostChars ? text : text.slice(0, mostChars), 'utf16le').toString('utf16le');

/** Copies texts that are mostly the same as the one before. */
export class RepeatedText {
  readonly #mostChars: number;
  #given = '';
  #copy = '';

  constructor(mostChars: number) {
    this.#mostChars = mostChars;
  }

  copy(text: string): string {
    if (text === this.#given) return this.#copy;
    this.#copy = copiedText(text, this.#mostChars);
    // A longer text is not kept: the next one is copied again.
    this.#given = text.length <= this.#mostChars ? this.#copy : '';
    return this.#given === '' ? this.#copy : this.#given;
  }
}
