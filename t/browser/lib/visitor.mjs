// A browser in somebody's hands.
//
// Script is switched off by the debugger's command, not by the context: so it
// can be on again for the moment in which axe-core looks at a page.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { Phone } from './phone.mjs';
import { until } from './rig.mjs';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');


// Chromium without its windows: half the work of the whole one.

export function launch() {
	return chromium.launch({
		executablePath: process.env.TOTP_CHROMIUM || '/usr/bin/chromium-headless-shell',
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage',
			'--disable-background-networking', '--disable-component-update', '--disable-sync'],
	});
}


// What was looked at already, whoever was there: with the same window, language
// and colours it would be the same.

const seen = {};

function looked(how) {
	return seen[JSON.stringify(how)] ||= new Set();
}


export class Visitor {
	// how: js, width, dark, lang;  t: what to check with;  rig
	static async open(browser, how, t, rig, origin = rig.origin) {
		const v = Object.assign(new Visitor(), { browser, how, t, rig, origin, looked: looked(how), noises: [] });

		v.context = await browser.newContext({
			ignoreHTTPSErrors: true,
			viewport: { width: how.width, height: how.width < 700 ? 844 : 900 },
			isMobile: how.width < 700,
			hasTouch: how.width < 700,
			colorScheme: how.dark ? 'dark' : 'light',
			locale: how.lang || 'en-GB',
		});
		v.context.setDefaultTimeout(15000);
		v.page = await v.tab();

		return v;
	}

	async tab() {
		const page = await this.context.newPage();

		page.totpDebugger = await this.context.newCDPSession(page);
		await this.script(page, this.how.js);
		page.on('pageerror', (e) => this.noises.push(`script: ${e.message}`));
		page.on('console', (m) => {
			// a status is no fault of the page
			if (m.type() == 'error' && !/^Failed to load resource: .* status of 4\d\d/.test(m.text())) {
				this.noises.push(`console: ${m.text()}`);
			}
		});

		return page;
	}

	script(page, on) {
		return page.totpDebugger.send('Emulation.setScriptExecutionDisabled', { value: !on });
	}

	// Another session of somebody with the same habits.
	async other(origin = this.origin) {
		const v = await Visitor.open(this.browser, this.how, this.t, this.rig, origin);

		(this.others ||= []).push(v);

		return v;
	}

	async close() {
		for (const v of this.others || []) await v.close();
		this.t.ok(!this.noises.length, 'the browser complains of nothing', this.noises.join('; '));
		await this.context.close();
	}

	// Status of the document; a page of its own for each is looked at.
	async go(where) {
		const r = await this.page.goto(new URL(where, this.origin).href);

		this.status = r.status();
		await this.look();
	}

	async reload(page = this.page) {
		this.status = (await page.reload()).status();
	}

	async back() {
		await this.page.goBack();
	}

	// A click (or a key) that leads to another document.
	async leads(act) {
		const from = this.page;
		const done = from.waitForResponse((r) => r.request().isNavigationRequest() && r.frame() == from.mainFrame()
			&& (r.status() < 300 || r.status() > 399));
		const loaded = from.waitForEvent('load');

		await Promise.all([done.then((r) => { this.status = r.status() }), loaded, act()]);
		await this.look();
	}

	click(selector) {
		return this.leads(() => this.page.locator(selector).filter({ visible: true }).first().click({ timeout: 8000 }));
	}

	fill(selector, text) {
		return this.page.fill(selector, text);
	}

	count(selector) {
		return this.page.locator(selector).count();
	}

	visible(selector) {
		return this.page.locator(selector).filter({ visible: true }).count();
	}

	text(selector) {
		return this.page.locator(selector).first().innerText();
	}

	// The id of what has the focus.  A browser gives it some time after a page
	// has loaded: when it draws it.
	async focus(expected) {
		let id;

		await until('the focus', async () => {
			id = await this.page.evaluate(() => document.activeElement.id);
			return id == expected;
		}, 5000).catch(() => {});

		return id;
	}

	path() {
		return new URL(this.page.url()).pathname;
	}

	next() {
		return new URL(this.page.url()).searchParams.get('next');
	}

	// Where we are: a page of the portal by its name, or "application".
	async where() {
		const name = await this.page.evaluate(() => document.body.className.replace(/^page-/, ''));

		return name || (await this.count('#user') ? 'application' : 'unknown');
	}

	async at(name, what = `is led to ${name}`) {
		const where = await this.where();

		this.t.need(where == name, what, `got ${where} (${this.status}) at ${this.page.url()}: ${await this.words()}`);
	}

	async words() {
		return (await this.page.evaluate(() => (document.querySelector('main') || document.body).innerText)).replace(/\s+/g, ' ').slice(0, 300);
	}

	// axe-core, once for each different structure; and what it does not see.
	async look(page = this.page) {
		const shape = await page.evaluate(() => document.body.className
			+ [...document.querySelectorAll('body *')].map((e) => `${e.tagName}.${e.className}#${e.id}${e.hidden}`).join());

		if (this.looked.has(shape) || !shape.startsWith('page-')) return;
		this.looked.add(shape);

		const name = `${shape.slice(0, shape.indexOf('H'))} at ${new URL(page.url()).pathname}`;
		const seen = await page.evaluate(() => ({
			wide: document.documentElement.scrollWidth - window.innerWidth,
			h1: document.querySelectorAll('h1').length,
			title: document.title,
			lang: document.documentElement.lang,
			dir: document.documentElement.dir,
			small: [...document.querySelectorAll('button, .button, summary, input:not([type=hidden])')]
				.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML.slice(0, 80)),
		}));

		this.t.ok(seen.wide <= 0, `${name}: nothing to scroll sideways`, seen.wide);
		this.t.is(seen.lang, this.how.lang || 'en', `${name}: in the visitor's language`);
		this.t.is(seen.dir, this.how.lang == 'ar' ? 'rtl' : 'ltr', `${name}: in its direction`);
		this.t.is(seen.h1, 1, `${name}: one h1`);
		this.t.ok(/\S/.test(seen.title), `${name}: has a title`);
		this.t.is(seen.small.join(), '', `${name}: nothing too small to hit`);

		if (!this.how.js) await this.script(page, true);
		await page.evaluate(`${axe};0`);
		const found = await page.evaluate(() => window.axe.run(document).then((r) => r.violations.map((v) =>
			`${v.id} (${v.help}): ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).slice(0, 3).join(' | ')}`)));
		if (!this.how.js) await this.script(page, false);

		this.t.is(found.join('\n'), '', `${name}: axe-core finds nothing`);

		// WCAG 1.4.4 and 1.4.10: a desk's window at 200 %, a narrow one at 400 %
		const size = page.viewportSize();

		for (const width of size.width > 700 ? [size.width / 2, 320] : [320]) {
			await page.setViewportSize({ width, height: size.height });
			const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
			this.t.ok(over <= 0, `${name}: nothing to scroll sideways at ${width} pixels`, over);
		}
		await page.setViewportSize(size);
	}


	// What people do.

	async password(user, password = this.rig.passwords[user]) {
		await this.fill('#totp-username', user);
		await this.fill('#totp-password', password);
		await this.click('form:has(#totp-password) button.main');
	}

	async code(code) {
		await this.fill('#totp-code', code);
		await this.click('main form:has(#totp-code) button.main');
	}

	// Password and code, from any page behind the gate.
	async signIn(user, code, where = '/') {
		await this.go(where);
		await this.at('login');
		await this.password(user);
		await this.at('code');
		await this.code(code);
	}

	otpauth() {
		return this.page.locator('a[href^="otpauth:"]').filter({ visible: true }).getAttribute('href');
	}

	// What a phone's camera makes of the picture.
	async scan() {
		const file = path.join(this.rig.dir, `qr-${process.hrtime.bigint()}.png`);

		await this.page.locator('.qr').screenshot({ path: file });
		try {
			return execFileSync('zbarimg', ['--raw', '-q', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
		} catch {
			return '';
		} finally {
			fs.rmSync(file, { force: true });
		}
	}

	codes(page = this.page) {
		return page.locator('#totp-codes code').allInnerTexts();
	}

	// Enables; leaves the visitor at the backup codes.  Gives the phone and
	// the codes.
	async enable(user, where = '/') {
		await this.go(where);
		await this.at('login');
		await this.password(user);
		if (await this.where() == 'settings') await this.click('a[href$="/setup"]');
		await this.at('setup');

		const phone = new Phone(await this.otpauth());

		await this.code(await phone.next());
		await this.at('backup-codes');

		return { phone, codes: await this.codes() };
	}
}
