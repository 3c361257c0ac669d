package Mutant;

# One change of one line.

use strict;
use warnings;

use File::Basename qw(basename);

my %c = ('==' => '!=', '!=' => '==', '<' => '>=', '>=' => '<', '>' => '<=',
         '<=' => '>', '&&' => '||', '||' => '&&');
my %lua = ('==' => '~=', '~=' => '==', '<' => '>=', '>=' => '<', '>' => '<=',
           '<=' => '>', 'and' => 'or', 'or' => 'and');


# All of a file, in its order.

sub all_of {
    my ($class, $file) = @_;

    my $is_lua = $file =~ /\.lua\z/;
    my $swap = $is_lua ? \%lua : \%c;
    my @line = lines($file);
    my @code = $is_lua ? lua_code(@line) : c_code(@line);
    my @all;

    for my $i (0 .. $#code) {
        my $code = $code[$i];

        next if !$is_lua && $code =~ /\A\s*#/;

        while ($code =~ /(?<=\s)([<>=!~]=|[<>]|&&|\|\||and|or)(?=\s|\z)/g) {
            next unless exists $swap->{$1};
            push @all, $class->new($file, $i, $-[1], $1, $swap->{$1});
        }

        # in a block within the function, that is
        if ($code =~ /\A(\s{8,}|\t\t+)(return\b[^;]*;)\s*\z/ && !$is_lua) {
            push @all, $class->new($file, $i, length $1, $2, ';');

        } elsif ($is_lua && $code =~ /\A(\s{4,})(return\b.*?)\s*\z/
                 && $line[$i] !~ /[{(,]\s*\z/)
        {
            push @all, $class->new($file, $i, length $1, $2, 'local _');
        }
    }

    return @all;
}


sub new {
    my ($class, $file, $i, $at, $old, $new) = @_;

    return bless { file => $file, line => $i, at => $at, old => $old,
                   new => $new }, $class;
}


sub file { return $_[0]{file} }

# What finds it again when lines above it have moved.

sub key {
    my ($self) = @_;

    my @line = lines($self->{file});
    my $text = $line[ $self->{line} ];
    my $n = () = substr($text, 0, $self->{at}) =~ /\Q$self->{old}\E/g;

    # a return alone says little: with the line before it
    $text = "$line[ $self->{line} - 1 ] $text" if $self->{old} =~ /\Areturn/;
    $text =~ s/\s+/ /g;
    $text =~ s/\A\s+|\s+\z//g;
    $text =~ s/\|\|/or/g;

    return join ' | ', basename($self->{file}), $text,
        squeeze("$self->{old} -> $self->{new}") . ($n ? ' #' . ($n + 1) : '');
}

sub squeeze { my ($s) = @_; $s =~ s/\|\|/or/g; return $s }

sub title {
    my ($self) = @_;

    return "$self->{file}:" . ($self->{line} + 1) . ": " . $self->key;
}


# The file's text with the change.

sub text {
    my ($self) = @_;

    my @line = lines($self->{file});
    substr($line[ $self->{line} ], $self->{at}, length $self->{old})
        = $self->{new};

    return join '', @line;
}


sub lines {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!";
    my @line = <$fh>;

    return @line;
}


# The same lines with spaces in the place of comments and strings.

sub c_code {
    my $text = join '', @_;

    $text =~ s{(/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')}
              {blank($1)}gse;

    return split /^/, $text;
}

sub lua_code {
    my $text = join '', @_;

    $text =~ s{(--[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')}
              {blank($1)}ge;

    return split /^/, $text;
}

sub blank { my ($s) = @_; $s =~ s/[^\n]/ /g; return $s }


1;
