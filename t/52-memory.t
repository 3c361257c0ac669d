# No password, code or key stays in the memory of nginx that a core dump shows,
# once the requests are over.  [attack 89]
#
# A dump is what the kernel would write: every readable mapping of a process
# but those that are marked as not to be dumped ("dd" in smaps) or are plain
# copies of files.  Where this machine writes core files into the working
# directory, a real one is looked at as well.

use Digest::SHA ();
use Totp::Test;

no warnings "portable";     # addresses of 64 bits

# SHA-512 of one password, apr1 of another; {PLAIN} entries hold the password.

my %hash = (
    alice => sub { crypt $_[0], '$5$rounds=1000$' . random_hex(6) . '$' },
    bob => sub { my $p = shift; `openssl passwd -apr1 '$p'` =~ s/\n//r },
    carol => sub { "{PLAIN}$_[0]" },
    dave => sub { '{SHA}' . b64(Digest::SHA::sha1($_[0])) },
);

# Does this machine write cores into the working directory, and may we have one?

sub limits { return slurp("/proc/$_[0]/limits")
                    =~ /^Max core file size +(\S+) +(\S+)/m }

my ($soft, $hard) = limits('self');
my $core = slurp('/proc/sys/kernel/core_pattern') !~ m{[|/]}
           && $hard eq 'unlimited';

my $master_key = random_bytes(32);
my $t = Totp::Test->new(
    users => [sort keys %hash], start => 0,
    main => $core ? 'worker_rlimit_core 16g;' : '',
    allow => [qr/exited on signal 6/],
    server => <<'END', servers => <<'END');
        totp_digits 8;
        totp_fresh  1h;
        totp        on;
        location /     { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
END
    server {
        listen               127.0.0.1:%PORT_tls% ssl http2;
        ssl_certificate      %DIR%/cert.pem;
        ssl_certificate_key  %DIR%/cert.key;
        totp_digits 8;
        totp_fresh  1h;
        totp        on;
        location /     { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
       . "-keyout '$t->{dir}/cert.key' -out '$t->{dir}/cert.pem' "
       . "> '$t->{dir}/openssl.log' 2>&1") == 0 or die 'openssl failed';

$t->keyring(k1 => $master_key, old => random_bytes(32));
$t->htpasswd(map { ($_ => $hash{$_}->($t->password($_))) } keys %hash);

my $node = $t->node;
$node->start;


# What is looked for: every secret that the harness noted, and what the keys
# are made into (HKDF-SHA256, one block).

sub derived {
    my ($key, $purpose) = @_;

    my $prk = Digest::SHA::hmac_sha256($key, "\0" x 32);
    return Digest::SHA::hmac_sha256("$purpose\x01", $prk);
}

my %derived = map { ("the $_ key" => derived($master_key, "totp $_")) }
              qw(session csrf seal backup);


# What of this process a core dump shows, and what it does not show.

sub memory {
    my ($pid) = @_;

    my ($shown, $hidden) = ('', '');
    my $map;

    open my $mem, '<:raw', "/proc/$pid/mem" or die "memory of $pid: $!";

    for my $line (split /\n/, slurp("/proc/$pid/smaps")) {
        if ($line =~ /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)/) {
            $map = { from => hex $1, size => hex($2) - hex $1, access => $3,
                     name => $5 };
        }
        $map->{$1} = $2 if $line =~ /^(Rss|Anonymous|VmFlags): +(.*)/;
        next unless $line =~ /^VmFlags:/;

        next if $map->{access} !~ /^r/ || $map->{name} =~ /^\[v/
                || $map->{Rss} =~ /^0 /;

        my $dd = $map->{VmFlags} =~ /\bdd\b/;

        # shared memory of a sanitizer is large, empty, and never dumped
        next if $dd && $map->{size} > 2 ** 28;

        my ($buf, $at) = ('', $map->{from});
        while (length $buf < $map->{size}) {
            sysseek $mem, $at + length $buf, 0;
            sysread($mem, $buf, $map->{size} - length $buf, length $buf)
                or last;
        }
        ($dd ? $hidden : $shown) .= $buf;
    }

    return ($shown, $hidden);
}


# Not looked for are cookies, which nginx keeps in its buffers of headers, and a
# secret that is being set up: libqrencode frees its copy of it as it is.

sub found {
    my ($image, @skip) = @_;

    my @found = $t->leaks($image, skip => ['cookie', 'secret', @skip]);

    for my $name (sort keys %derived) {
        push @found, $name if index($image, $derived{$name}) >= 0;
    }

    return map { s/[^\x20-\x7e]/./gr } @found;
}


sub clean {
    my ($name) = @_;

    for my $pid ($node->{pid}, $node->workers) {
        my ($shown, $hidden) = memory($pid);
        my $who = $pid == $node->{pid} ? 'master' : 'a worker';

        cmp_ok(length $shown, '>', 500_000, "$name: the memory of $who");
        cmp_ok(index($shown, 'Example Corp') + index($shown, 'http2'), '>', -2,
               "$name: and what is known to be there is found in it");
        my @found = found($shown);
        is(scalar @found, 0, "$name: no secret in it")
            or diag join "\n", @found;
        is(scalar(grep { index($hidden, $derived{$_}) >= 0 } keys %derived), 4,
           "$name: the keys are where no dump shows them");
    }

    return;
}

clean('at the start');


# Everything that can be done with secrets, right and wrong, as JSON and HTML,
# in the clear and in TLS, in one piece and in parts.

sub everything {
    my ($name, $make, @users) = @_;

    for my $user (@users) {
        my $c = $make->()->ready($user);
        my $e = $c->{enrolled};
        my @codes = @{ $e->{codes} };
        my $otp = $t->otp($user);

        is($c->get_html('/2fa/backup-codes')->body =~ /\Q$codes[0]\E/ ? 1 : 0, 1,
           "$name, $user: the codes on a page");

        my $wrong = secret_add(password => 'wrong-' . random_hex(8));
        $make->()->login($user, $wrong);
        $make->()->login('nobody-here', secret_add(password => random_hex(9)));

        my $b = $make->();
        is($b->login($user)->stage, 'password', "$name, $user: the password");
        $b->code($otp->wrong_code);
        is($b->code($otp->next_code)->stage, 'full', "$name, $user: a code");

        $b = $make->();
        $b->get_html('/2fa/login');
        $b->post_html('/2fa/login', { username => $user,
                                      password => $t->password($user) });
        $b->get_html('/2fa/code');
        is($b->post_html('/2fa/code', { code => uc $codes[0] })->status, 303,
           "$name, $user: a backup code, in a form");

        # a new phone, by the pages, and with a code that is wrong at first

        my $page = $b->get_html('/2fa/setup')->body;
        my ($uri) = $b->page('setup')->json->{otpauth};
        my $new = Totp::Otp->from_uri($uri, skew => 3);
        is(index($page, $new->{secret}) > 0 || $page =~ /secret/i ? 1 : 0, 1,
           "$name, $user: the secret on a page");
        $b->post_html('/2fa/setup', { code => $new->wrong_code });
        is($b->act('setup', { code => $new->next_code })->status, 200,
           "$name, $user: a new phone");
        $t->otp($user, $new);

        is($b->act('backup-codes', {})->status, 200, "$name, $user: new codes");
        my $fresh = $b->page('backup-codes')->json->{codes};
        secret_add(backup => $_) for @$fresh;
        $b->act('backup-codes', { more => 1 });
        $b->get_html('/2fa/backup-codes');

        # in two parts, and in chunks

        $b = $make->();
        $b->page('login');
        my $raw = $b->build('POST', '/2fa/login', form => {
            csrf => $b->{csrf}, username => $user,
            password => $t->password($user) },
            headers => [Accept => 'application/json']);
        my $s = $b->connect;
        my $half = index($raw, $t->password($user)) + 5;
        $s->send(substr $raw, 0, $half);
        nap(0.05);
        $s->send(substr $raw, $half);
        is($b->learn($s->response)->stage, 'password',
           "$name, $user: a password in two parts");
        $s->close;

        my $code = $fresh->[0];
        my $form = form_encode({ csrf => $b->{csrf}, code => $code });
        my $body = join('', map { sprintf "%x\r\n%s\r\n", length, $_ }
                            $form =~ /(.{1,60})/gs) . "0\r\n\r\n";
        is($b->request('POST', '/2fa/code', body => $body, headers => [
               Accept => 'application/json', 'Transfer-Encoding' => 'chunked',
               'Content-Type' => 'application/x-www-form-urlencoded'])->stage,
           'full', "$name, $user: a backup code in chunks");

        is($b->act('disable', {})->status, 200, "$name, $user: disabled");
        delete $t->{otps}{$user};           # the phone has nothing to show
    }

    return;
}

everything('http', sub { $t->client }, 'alice', 'carol');
clean('after http');

everything('tls', sub { $t->client(tls => 1, port => 'tls') }, 'bob', 'dave');
clean('after tls');


# Workers that end in the middle: what had been counted still counts, whoever
# was signed in still is, and the core that was asked for holds no secret.

my $signed_in = $t->client->ready('alice');
my $guesser = $t->client;
$guesser->login('alice');
my $left = $guesser->code($t->otp('alice')->wrong_code)->json->{attempts_left};
cmp_ok($left, '>', 0, 'a wrong code was counted');

my %old = map { ($_ => 1) } $node->workers;
kill ABRT => keys %old;
ok(wait_until(sub { my @now = $node->workers;
                    @now == 2 && !grep { $old{$_} } @now }, 20),
   'both workers died, and others came');
ok(wait_until(sub { $signed_in->get('/x')->status == 200 }, 10),
   'a session outlives them');
is($guesser->code($t->otp('alice')->wrong_code)->json->{attempts_left},
   $left - 1, 'and so does the count of wrong codes');

if ($core) {
    my @cores = glob "$node->{prefix}/core*";
    cmp_ok(scalar @cores, '>', 0, 'a core, as configured');

    for my $file (@cores) {
        my $image = slurp($file);
        cmp_ok(length $image, '>', 500_000, 'a core');
        my @found = found($image);
        is(scalar @found, 0, 'no secret in it') or diag join "\n", @found;
        unlink $file;
    }
} else {
    note 'this machine does not write cores into the working directory';
}

$t->finish;


# No core at all unless somebody asks for one.

my $plain = Totp::Test->new(users => ['alice']);
my ($now) = limits(($plain->node->workers)[0]);
is($now, $soft, 'the limit of cores is what nginx was started with');
$plain->finish;

done_testing;
