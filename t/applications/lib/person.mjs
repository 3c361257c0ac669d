// Somebody who uses an application through the gate, in a browser.

import { until } from '../../browser/lib/rig.mjs';
import { Visitor } from '../../browser/lib/visitor.mjs';

const how = { js: true, width: 1280, dark: false };


export class Person {
	static async arrive(t, browser, site, user) {
		const p = Object.assign(new Person(), { t, site, user });

		p.visitor = await Visitor.open(browser, how, t, site);
		p.page = p.visitor.page;
		p.page.setDefaultTimeout(30000);
		p.phone = (await p.visitor.enable(user)).phone;

		return p;
	}

	async leave() {
		await this.visitor.context.close();
	}

	// The answer to a request that a script of the page makes.
	ask(url, options = {}) {
		return this.page.evaluate(async ([where, how]) => {
			const r = await fetch(where, how);
			const text = await r.text();
			let json;

			try { json = JSON.parse(text) } catch { /* none */ }

			return { status: r.status, type: r.headers.get('content-type') || '', json, text: text.slice(0, 300) };
		}, [url, options]);
	}

	// In the middle of it the session ends.
	async expire() {
		this.site.changePassword(this.user);
		await until('the session to end', async () => (await this.ask('/favicon.ico')).status == 401, 15000);

		const r = await this.ask('/nothing-of-the-kind');

		this.t.is(`${r.status} ${r.json?.error}`, '401 expired', 'a script of the page gets 401 and JSON');
		this.t.ok(r.json?.login?.startsWith('/2fa/login'), 'which says where to sign in', r.json?.login);
	}

	// Whether a WebSocket is let in: "open", or "refused".
	socket(path) {
		return this.page.evaluate((where) => new Promise((done) => {
			const s = new WebSocket(new URL(where, location.href).href.replace('http', 'ws'));

			s.onopen = () => { done('open'); s.close() };
			s.onerror = () => done('refused');
		}), path);
	}

	// Reloads, is led to the login, signs in, and comes back.
	async reload() {
		const was = new URL(this.page.url());

		await this.page.reload();
		await this.visitor.at('login', 'a reload leads to the login');
		await this.again();

		const is = new URL(this.page.url());

		this.t.is(is.pathname + is.search + is.hash, was.pathname + was.search + was.hash, 'and back');
	}

	async again(visitor = this.visitor) {
		await visitor.password(this.user);
		await visitor.at('code');
		await visitor.code(await this.phone.next());
	}

	// The same browser, another tab.
	async inAnotherTab() {
		const page = await this.visitor.tab();
		const there = Object.assign(Object.create(this.visitor), { page });

		await page.goto(`${this.site.origin}/2fa/login?next=/2fa/settings`);
		await this.again(there);
		await there.at('settings', 'signs in, in another tab');
		await page.close();
	}
}
