// A browser without pictures: cookies by host, redirects one at a time, and the forms of oidc-provider's own pages.

export class Browser {
  // Cookies by origin: name to value and path. The ports of this machine are different sites here.
  #cookies = new Map();

  cookie(url, name) {
    return this.#cookies.get(new URL(url).origin)?.get(name)?.value;
  }

  async get(url) {
    return this.#request(url, {});
  }

  async post(url, form) {
    return this.#request(url, {
      method: 'POST',
      body: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin },
    });
  }

  async #request(url, { headers = {}, ...options }) {
    const { origin, pathname } = new URL(url);
    const jar = this.#cookies.get(origin) ?? new Map();
    this.#cookies.set(origin, jar);
    const fitting = [...jar].filter(([, { path }]) => pathname.startsWith(path));
    const cookie = fitting.map(([name, { value }]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      ...options,
      headers: { ...headers, ...(cookie && { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      const said = Object.fromEntries(attributes.map((text) => text.split('=')).map(([key, value]) => [key.toLowerCase(), value]));
      const isOver = said['max-age'] === '0' || (said.expires && Date.parse(said.expires) < Date.now());
      if (isOver || value === '') jar.delete(name);
      else jar.set(name, { value, path: said.path ?? '/' });
    }
    const location = response.headers.get('location');
    return {
      url,
      status: response.status,
      text: await response.text(),
      to: location && new URL(location, url).href,
    };
  }

  // Follows redirects, at most twenty.
  async follow(answer) {
    for (let steps = 0; answer.to && steps < 20; steps += 1) answer = await this.get(answer.to);
    return answer;
  }

  // Goes to a page, and logs in at the provider where it asks for that.
  async logIn(url, login) {
    let answer = await this.follow(await this.get(url));
    for (let steps = 0; steps < 3 && answer.text.includes('name="prompt"'); steps += 1) {
      const prompt = /name="prompt" value="(\w+)"/.exec(answer.text)[1];
      const form = prompt === 'login' ? { prompt, login, password: 'any' } : { prompt };
      answer = await this.follow(await this.post(action(answer), form));
    }
    return answer;
  }
}

// The address to which the form of a page leads.
export function action({ text, url }) {
  const found = /<form[^>]* action="([^"]+)"/.exec(text);
  return new URL(found[1].replaceAll('&amp;', '&'), url).href;
}

// The link on a page that contains this text.
export function link({ text, url }, part) {
  const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, href]) => href.replaceAll('&amp;', '&'));
  return new URL(links.find((href) => href.includes(part)), url).href;
}
